/**
 * What the agent waits for, with the answers that can be given. They stand below the timeline and not in it, so that a form
 * that is half filled in stays while the timeline moves.
 */
import { html, type TemplateResult } from "lit"
import { repeat } from "lit/directives/repeat.js"
import type { OpenRequest } from "../../../domain/ThreadActivity.ts"
import type { ApprovalDecision, ElicitationAnswer, Question } from "../../../domain/UserRequest.ts"
import { ago } from "../figures.ts"
import { type Field, fieldsOf, valuesOf } from "../form.ts"
import { clipped, flat, link, safeUrl, shown } from "../text.ts"
import type { Thread } from "../thread.ts"
import { json } from "./json.ts"
import { readOnly, tag } from "./parts.ts"
import { requestTitle } from "./words.ts"

type Of<Tag extends OpenRequest["_tag"]> = Extract<OpenRequest, { readonly _tag: Tag }>

const text = (form: FormData, name: string): string => {
  const value = form.get(name)
  return typeof value === "string" ? value : ""
}

const approval = (thread: Thread, { request }: Of<"Approval">): TemplateResult => {
  const { choices = [], covers, detail, requestId, subject } = request
  const busy = thread.answering.has(requestId)
  const key = `d${requestId}`
  const open = thread.expanded.has(key)
  const answer = (decision: ApprovalDecision) =>
    thread.answer(requestId, () => thread.app.routes.approve(thread.threadId, requestId, decision))
  const deny = (turn?: "stop") => (event: Event): void => {
    const { currentTarget } = event
    const form = currentTarget instanceof HTMLButtonElement ? currentTarget.form : null
    const reason = form === null ? "" : text(new FormData(form), "reason").trim()
    answer({ _tag: "Deny", ...(reason === "" ? {} : { reason }), ...(turn === undefined ? {} : { turn }) })
  }
  return html`<form @submit=${(event: Event) => event.preventDefault()}>
    <pre class="subject">${clipped(subject)}</pre>
    <button type="button" class="link" aria-expanded=${open} @click=${() => thread.toggle(key)}>${
    open ? "hide" : "show"
  } the agent's own request</button>
    ${open ? json(detail) : ""}
    ${
    thread.app.config.write
      ? html`<div class="buttons">
        <button type="button" class="primary" ?disabled=${busy} @click=${() =>
        answer({ _tag: "AllowOnce" })}>Allow once</button>
        ${
        covers === undefined
          ? ""
          : html`<button type="button" ?disabled=${busy} title=${flat(covers)} @click=${() =>
            answer({ _tag: "AllowForSession" })}>Allow for this session</button>`
      }
        ${
        choices.map(({ id, label }) =>
          html`<button type="button" ?disabled=${busy} @click=${() => answer({ _tag: "Choose", choiceId: id })}>${
            flat(label)
          }</button>`
        )
      }
        <span class="deny"><input name="reason" placeholder="Why not (optional)" aria-label="Why not" autocomplete="off">
        <button type="button" ?disabled=${busy} @click=${deny()}>Deny</button>
        <button type="button" ?disabled=${busy} @click=${deny("stop")}>Deny and stop</button></span>
      </div>${covers === undefined ? "" : html`<p class="dim">"For this session" covers: ${shown(covers)}</p>`}`
      : readOnly(thread.app)
  }
  </form>`
}

const questionField = (
  { freeText, header, multiple, options, question, secret }: Question,
  n: number,
  write: boolean
): TemplateResult =>
  html`<fieldset ?disabled=${!write}>
    <legend>${header === undefined ? "" : tag(header, "dim")} ${shown(question)}</legend>
    ${
    options.map(({ description, label }) =>
      html`<label><input type=${multiple ? "checkbox" : "radio"} name=${`q${n}`} .value=${label}> ${shown(label)}
        ${description === undefined ? "" : html`<span class="dim">${shown(description)}</span>`}</label>`
    )
  }
    ${
    freeText || options.length === 0
      ? html`<input type=${secret ? "password" : "text"} name=${`t${n}`} autocomplete="off" aria-label="Your own words"
          placeholder=${options.length === 0 ? "Your answer" : "Or in your own words"}>`
      : ""
  }
  </fieldset>`

const question = (thread: Thread, { request }: Of<"Question">): TemplateResult => {
  const { questions, requestId } = request
  const { routes } = thread.app
  const busy = thread.answering.has(requestId)
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    if (!(event.currentTarget instanceof HTMLFormElement)) return
    const form = new FormData(event.currentTarget)
    const answers = questions.map((_, n) => {
      const own = text(form, `t${n}`)
      const chosen = form.getAll(`q${n}`).filter((value) => typeof value === "string")
      return own === "" ? chosen : [...chosen, own]
    })
    thread.answer(requestId, () => routes.answerQuestion(thread.threadId, requestId, { _tag: "Answered", answers }))
  }
  const dismiss = () =>
    thread.answer(requestId, () => routes.answerQuestion(thread.threadId, requestId, { _tag: "Dismissed" }))
  return html`<form @submit=${submit}>
    ${questions.map((one, n) => questionField(one, n, thread.app.config.write))}
    ${
    thread.app.config.write
      ? html`<div class="buttons"><button class="primary" ?disabled=${busy}>Answer</button>
        <button type="button" ?disabled=${busy} @click=${dismiss}>Dismiss</button></div>`
      : readOnly(thread.app)
  }
  </form>`
}

const valueField = ({ description, kind, name, options, required, title }: Field): TemplateResult =>
  html`<label class="field"><span>${flat(title)}${required ? " *" : ""}</span>
    ${
    kind === "boolean"
      ? html`<input type="checkbox" name=${name}>`
      : kind === "choice"
      ? html`<select name=${name} ?required=${required}><option></option>${
        options.map((one) => html`<option .value=${one}>${flat(one)}</option>`)
      }</select>`
      : kind === "json"
      ? html`<textarea name=${name} rows="3" spellcheck="false" placeholder="JSON" ?required=${required}></textarea>`
      : html`<input name=${name} type=${kind === "number" || kind === "integer" ? "number" : "text"} step=${
        kind === "integer" ? "1" : "any"
      }
          autocomplete="off" ?required=${required}>`
  }
    ${description === "" ? "" : html`<span class="dim">${shown(description)}</span>`}</label>`

const elicitation = (thread: Thread, { request }: Of<"Elicitation">): TemplateResult => {
  const { form, message, requestId } = request
  const busy = thread.answering.has(requestId)
  const answer = (given: ElicitationAnswer) =>
    thread.answer(requestId, () => thread.app.routes.answerElicitation(thread.threadId, requestId, given))
  const fields = form._tag === "Form" ? fieldsOf(form.schema) : []
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    if (!(event.currentTarget instanceof HTMLFormElement)) return
    const values = valuesOf(fields, new FormData(event.currentTarget))
    if ("wrong" in values) thread.app.say(`"${values.wrong}" is no valid JSON`, true)
    else answer(form._tag === "Form" ? { _tag: "Accept", content: values.values } : { _tag: "Accept" })
  }
  return html`<form @submit=${submit}>
    <p>${shown(message)}</p>
    ${
    form._tag === "Url"
      ? html`<p>${
        safeUrl(form.url) === undefined
          ? html`<code>${shown(form.url)}</code> <span class="dim">is no address that this page opens</span>`
          : link(form.url)
      }</p>`
      : html`<fieldset ?disabled=${!thread.app.config.write}>${fields.map(valueField)}</fieldset>`
  }
    ${
    thread.app.config.write
      ? html`<div class="buttons"><button class="primary" ?disabled=${busy}>${
        form._tag === "Url" ? "Done" : "Send"
      }</button>
        <button type="button" ?disabled=${busy} @click=${() => answer({ _tag: "Decline" })}>Decline</button>
        <button type="button" ?disabled=${busy} @click=${() => answer({ _tag: "Cancel" })}>Cancel</button></div>`
      : readOnly(thread.app)
  }
  </form>`
}

const body = (thread: Thread, open: OpenRequest): TemplateResult => {
  switch (open._tag) {
    case "Approval":
      return approval(thread, open)
    case "Question":
      return question(thread, open)
    case "Elicitation":
      return elicitation(thread, open)
  }
}

export const openRequests = (thread: Thread): TemplateResult =>
  html`<section class="requests" aria-label="Open requests">${
    repeat(
      thread.timeline.view.requests,
      ({ request }) => request.requestId,
      (open) =>
        html`<div class="request"><h3>${flat(requestTitle(open))}
          ${open.request.subagent === undefined ? "" : tag("subagent", "dim", open.request.subagent)}
          <span class="dim num">${ago(open.at, thread.app.now)}</span></h3>${body(thread, open)}</div>`
    )
  }</section>`
