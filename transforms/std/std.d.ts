// Types for an editor: of "kopru/std", and of what a transform is given.

declare module "kopru/std" {
  /** What a Decimal can be made of. Text has a decimal point, such as "19.95" or "1e-3". */
  export type Numeric = number | string | Decimal;

  /** An exact decimal number; every operation makes a new one. The operators + - * / < > throw. */
  export interface Decimal {
    plus(x: Numeric): Decimal;
    minus(x: Numeric): Decimal;
    times(x: Numeric): Decimal;
    /** Divides and rounds to so many digits behind the point, half away from zero. */
    div(x: Numeric, digits: number): Decimal;
    /** Rounds to so many digits behind the point, half away from zero. */
    round(digits: number): Decimal;
    neg(): Decimal;
    abs(): Decimal;
    /** -1, 0 or 1: smaller than, equal to or larger than x. */
    cmp(x: Numeric): number;
    eq(x: Numeric): boolean;
    lt(x: Numeric): boolean;
    lte(x: Numeric): boolean;
    gt(x: Numeric): boolean;
    gte(x: Numeric): boolean;
    isZero(): boolean;
    isNegative(): boolean;
    toString(): string;
    /** Rounded, as text with exactly so many digits behind the point. */
    toFixed(digits: number): string;
    /** The nearest JavaScript number. It may lose digits: not for money. */
    toNumber(): number;
    toJSON(): number | string;
  }
  /** Makes an exact decimal number; throws on what is no number, and on a number like 0.1 + 0.2 that is inexact. */
  export const Decimal: { (x: Numeric): Decimal; new (x: Numeric): Decimal; readonly prototype: Decimal };

  /** Only the digits of a text. */
  export function digits(text: unknown): string;
  /** Without control characters: tabs and line ends become spaces, runs of spaces one, and ends are trimmed. */
  export function cleanText(text: unknown): string;
  /** At most max characters, cut behind a word and ended with "…". */
  export function cutText(text: unknown, max: number): string;

  export interface Name {
    firstName: string;
    lastName: string;
  }
  /** Splits a name; particles belong to the last name and forms of address are dropped. */
  export function splitName(text: unknown): Name;

  export interface Street {
    street: string;
    number: string;
    addition: string;
    sure: boolean;
  }
  /** Takes a street line apart; when unsure, street is the whole line and sure is false. */
  export function splitStreet(text: unknown, country?: string): Street;

  /** The ISO 3166 code of two letters for a code or a name; unknown text refuses the record. */
  export function countryCode(text: string | null | undefined, fallback?: string): string;

  /** Rounds an amount to cents, or to so many digits, half away from zero. */
  export function roundMoney(amount: Numeric, digits?: number): Decimal;
  /** The amount without VAT of one that includes it. The rate is a percentage. */
  export function exclVat(incl: Numeric, rate: Numeric, digits?: number): Decimal;
  /** The amount with VAT of one without. The rate is a percentage. */
  export function inclVat(excl: Numeric, rate: Numeric, digits?: number): Decimal;
  /** Divides an amount over weights in cents; the shares add up to the amount exactly. */
  export function allocate(amount: Numeric, weights: Numeric[], digits?: number): Decimal[];

  /** Refuses the record: it is set aside with the message and, if given, the field at fault. */
  export function reject(message: string, field?: string): never;
}

/** The second argument of a transform. */
interface KopruContext {
  /** When the run began; new Date() and Date.now() say the same. */
  readonly now: Date;
  /** The vars of the transform block; read-only. */
  readonly vars: any;
  /** What is known about the record beside its fields. */
  readonly meta: any;
  /** The pipeline's name. */
  readonly pipeline: string;
  log(message: unknown): void;
  /** Refuses the record: it is set aside with the message and, if given, the field at fault. */
  fail(message: string, options?: { field?: string }): never;
}

declare const console: Record<"log" | "info" | "debug" | "warn" | "error", (...values: unknown[]) => void>;
