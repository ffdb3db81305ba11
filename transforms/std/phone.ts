declare const __kopru: { phone(text: string, country: string): string | undefined };

/**
 * A telephone number with its country, as +31201234567. The country (two letters) is that of numbers which name none.
 * What can't be a number there gives "".
 *
 * @example
 * phoneNumber("020 - 123 45 67", "NL") // "+31201234567"
 * phoneNumber("+47 22 12 34 56") // "+4722123456"
 * phoneNumber("0049 (0)30 123456", "NL") // "+4930123456"
 * phoneNumber("ask for Jan", "NL") // ""
 */
export function phoneNumber(text: unknown, country?: string): string {
  return __kopru.phone(String(text ?? ""), country ?? "") ?? "";
}
