/**
 * What an agent under proof can be asked to do.
 *
 * @since 0.1.0
 */

/**
 * Each gives a prompt that makes the agent do this as its whole turn.
 *
 * @category models
 * @since 0.1.0
 */
export interface Prompts {
  /** Say `text`, and have it in the conversation from then on. `text` is words with single spaces. */
  readonly say: (text: string) => string
  /** Say everything that is in the model's context before this prompt, in any form that holds the words. */
  readonly recall: string
  /** Run one shell command, then say something. */
  readonly run: (command: string) => string
  /** Write a file, given by its path relative to the session's directory, then say something. */
  readonly edit: (path: string) => string
  /** Ask the user this question with the options `yes` and `no`, then say the answer. Not needed without questions. */
  readonly ask: (question: string) => string
  /** Do nothing, without any sign of life, until the turn is interrupted. */
  readonly hang: string
  /** Say more and more, several times a second, until the turn is interrupted. */
  readonly slow: string
  /** Run one shell command again and again, each time as a call of its own, until the turn is interrupted. */
  readonly loop: (command: string) => string
  /** Fail, as with a model that answers with an error that is not worth a retry. */
  readonly fail: string
  /**
   * Leave one shell command running in the background, then say something. Here and below: a rule that needs what is
   * missing is reported as not checked.
   */
  readonly background?: ((command: string) => string) | undefined
  /**
   * Leave work in the background that goes on until the control `beginTurn` has it end. For an agent that begins a turn
   * only when such work ends.
   */
  readonly linger?: string | undefined
  /** Have the model bring neither text nor a call, however often it is asked. Not needed where steps are not told. */
  readonly nothing?: string | undefined
  /** Have a subagent run one shell command, then say something. */
  readonly subagent?: ((command: string) => string) | undefined
  /**
   * Have a subagent in the background run one shell command and then go on for ever, and say something. For an agent that
   * asks beside its turns for such work, in place of the control `askBeside`.
   */
  readonly beside?: ((command: string) => string) | undefined
  /** Ask the user this question, as one whose answer is a secret; then say how many characters the answer has. */
  readonly secret?: ((question: string) => string) | undefined
  /**
   * Have an MCP server ask the user, with this message, for a form with one text, `word`; then say how many characters the
   * word has, or that there is none.
   */
  readonly elicit?: ((message: string) => string) | undefined
}
