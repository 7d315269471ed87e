/**
 * A state, with the events and wants of the step that led to it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Step<State, Event, Want> {
  readonly state: State
  readonly events: ReadonlyArray<Event>
  readonly wants: ReadonlyArray<Want>
}

const none: ReadonlyArray<never> = []

/**
 * A step to this state.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <State, Event = never, Want = never>(
  state: State,
  events: ReadonlyArray<Event> = none,
  wants: ReadonlyArray<Want> = none
): Step<State, Event, Want> => ({ state, events, wants })

/**
 * One step after another.
 *
 * @since 0.1.0
 * @category combinators
 */
export const andThen = <State, Event, Want>(
  first: Step<State, Event, Want>,
  next: (state: State) => Step<State, Event, Want>
): Step<State, Event, Want> => {
  const second = next(first.state)
  if (first.events.length === 0 && first.wants.length === 0) return second
  return make(second.state, [...first.events, ...second.events], [...first.wants, ...second.wants])
}

/**
 * One step for each value, in order.
 *
 * @since 0.1.0
 * @category combinators
 */
export const all = <State, Event, Want, A>(
  state: State,
  values: Iterable<A>,
  next: (state: State, value: A) => Step<State, Event, Want>
): Step<State, Event, Want> => {
  let current = state
  const events: Array<Event> = []
  const wants: Array<Want> = []
  for (const value of values) {
    const following = next(current, value)
    current = following.state
    events.push(...following.events)
    wants.push(...following.wants)
  }
  return make(current, events, wants)
}
