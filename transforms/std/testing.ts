declare const __kopru: {
  test(name: string, body: () => unknown): void;
  context(options: TestContext): any;
  differences(actual: unknown, expected: unknown, partly: boolean): string;
  show(value: unknown): string;
  unmet(message: string): never;
};

/** What ctx holds in a test; what is left out is empty. */
export interface TestContext {
  vars?: Record<string, unknown>;
  meta?: Record<string, unknown>;
  /** A moment such as "2026-03-14T10:15:00Z"; without it 2026-01-15T12:00:00Z. */
  now?: string;
}

/** Declares a test. It fails when its body throws, or when something is not as expected. */
export function test(name: string, body: () => unknown): void {
  __kopru.test(name, body);
}

/** The second argument of a transform, for a test. */
export function context(options?: TestContext): any {
  return __kopru.context(options ?? {});
}

/** What can be said of a value. */
export interface Expectation {
  /** The very same value; for numbers, Decimals, texts and null. */
  toBe(expected: unknown): void;
  /** Equal in all fields, at any depth. Numbers and Decimals are compared by value: 1.50 equals 1.5. */
  toEqual(expected: unknown): void;
  /** Equal in the fields that expected names, at any depth. */
  toMatchObject(expected: unknown): void;
  /** A function that throws, or refuses the record with ctx.fail, with this in its message. */
  toThrow(message?: string): void;
}

/** What follows is said of a value: expect(total).toBe(14.97). */
export function expect(actual: unknown): Expectation {
  const compare = (expected: unknown, partly: boolean) => {
    const text = __kopru.differences(actual, expected, partly);
    if (text !== "") __kopru.unmet(text);
  };
  return {
    toBe: (expected) => compare(expected, false),
    toEqual: (expected) => compare(expected, false),
    toMatchObject: (expected) => compare(expected, true),
    toThrow(message = "") {
      let thrown: string | null = null;
      try {
        (actual as () => unknown)();
      } catch (e) {
        thrown = e instanceof Error ? e.message : String(e);
      }
      if (thrown === null) __kopru.unmet("nothing was thrown");
      if (!thrown!.includes(message)) __kopru.unmet(`- ${__kopru.show(message)}   expected in the message\n+ ${__kopru.show(thrown)}   there is`);
    },
  };
}
