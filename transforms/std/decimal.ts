/** What a Decimal can be made of. Text has a decimal point, such as "19.95" or "1e-3". */
export type Numeric = number | string | Decimal;

/** A number in a record: a Decimal where a JavaScript number would not be exact. Compute with Decimal(amount). */
export type Amount = number | Decimal;

/**
 * An exact decimal number: 0.1 plus 0.2 is 0.3. It never changes; every operation makes a new one. Amounts in a
 * record that a JavaScript number cannot hold exactly come as Decimals, and a Decimal in a result becomes a number
 * with all its digits.
 *
 * The operators + - * / < > throw on a Decimal, since they would silently compute in binary.
 */
export interface Decimal {
  /** The sum. */
  plus(x: Numeric): Decimal;
  /** The difference. */
  minus(x: Numeric): Decimal;
  /** The product, with all its digits. */
  times(x: Numeric): Decimal;
  /** Divides and rounds to so many digits behind the point, half away from zero. */
  div(x: Numeric, digits: number): Decimal;
  /** Rounds to so many digits behind the point, half away from zero: 2.345 becomes 2.35, -2.345 becomes -2.35. */
  round(digits: number): Decimal;
  /** With the other sign. */
  neg(): Decimal;
  /** Without its sign. */
  abs(): Decimal;
  /** -1, 0 or 1: smaller than, equal to or larger than x. 1.50 equals 1.5. */
  cmp(x: Numeric): number;
  /** Whether it equals x. */
  eq(x: Numeric): boolean;
  /** Whether it is less than x. */
  lt(x: Numeric): boolean;
  /** Whether it is at most x. */
  lte(x: Numeric): boolean;
  /** Whether it is more than x. */
  gt(x: Numeric): boolean;
  /** Whether it is at least x. */
  gte(x: Numeric): boolean;
  /** Whether it is 0. */
  isZero(): boolean;
  /** Whether it is below 0. */
  isNegative(): boolean;
  /** All digits, no exponent. */
  toString(): string;
  /** Rounded, as text with exactly so many digits behind the point. */
  toFixed(digits: number): string;
  /** The nearest JavaScript number. It may lose digits: not for money. */
  toNumber(): number;
  /** A number where that is exact, else text. */
  toJSON(): number | string;
}

/** What Decimal itself is: a function, also with new. */
export interface DecimalClass {
  (x: Numeric): Decimal;
  new (x: Numeric): Decimal;
  readonly prototype: Decimal;
}

declare const __kopru: { Decimal: DecimalClass };

/**
 * Makes an exact decimal number; throws on what is no number, and on a number like 0.1 + 0.2 that is inexact.
 *
 * @example
 * Decimal("0.10").plus("0.20") // 0.30
 */
export const Decimal: DecimalClass = /* @__PURE__ */ (() => __kopru.Decimal)();
