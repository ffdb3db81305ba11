import { Decimal, type Numeric } from "./decimal";

/**
 * Rounds an amount to cents, or to so many digits behind the point, half away from zero.
 *
 * @example
 * roundMoney("2.345") // 2.35
 */
export function roundMoney(amount: Numeric, digits = 2): Decimal {
  return Decimal(amount).round(digits);
}

/**
 * The amount without VAT of one that includes it. The rate is a percentage.
 *
 * @example
 * exclVat("121.00", 21) // 100.00
 */
export function exclVat(incl: Numeric, rate: Numeric, digits = 2): Decimal {
  return Decimal(incl).times(100).div(Decimal(rate).plus(100), digits);
}

/**
 * Rounds an amount to whole steps, as tills do with cash, half away from zero.
 *
 * @example
 * roundTo("2.975", "0.05") // 3.00
 * roundTo("2.97", "0.05") // 2.95
 */
export function roundTo(amount: Numeric, step: Numeric): Decimal {
  return Decimal(amount).div(step, 0).times(step);
}

/**
 * The amount with VAT of one without. The rate is a percentage.
 *
 * @example
 * inclVat("100.00", "8.5") // 108.50
 */
export function inclVat(excl: Numeric, rate: Numeric, digits = 2): Decimal {
  return Decimal(excl).times(Decimal(rate).plus(100)).div(100, digits);
}

/**
 * The VAT in an amount that includes it: what exclVat() leaves out, so that the two add up. The rate is a percentage.
 *
 * @example
 * vatIn("121.00", 21) // 21.00
 */
export function vatIn(incl: Numeric, rate: Numeric, digits = 2): Decimal {
  return Decimal(incl).minus(exclVat(incl, rate, digits));
}

/**
 * Divides an amount over weights, in cents or in units of so many digits behind the point. The shares add up to the
 * amount exactly: cents left over go one by one to the largest weights, so that no share is off by more than a cent.
 * Weights that are all zero get equal shares.
 *
 * @example
 * allocate("10.00", [1, 1, 1]) // [3.34, 3.33, 3.33]
 */
export function allocate(amount: Numeric, weights: Numeric[], digits = 2): Decimal[] {
  if (weights.length === 0) return [];
  const total = Decimal(amount);
  let parts = weights.map((w) => Decimal(w));
  let sum = add(parts);
  if (sum.isZero()) {
    parts = parts.map((w) => w.abs());
    sum = add(parts);
  }
  if (sum.isZero()) {
    parts = parts.map(() => Decimal(1));
    sum = Decimal(parts.length);
  }
  const shares = parts.map((w) => total.times(w).div(sum, digits));
  const order = parts.map((_, i) => i).sort((a, b) => parts[b].abs().cmp(parts[a].abs()) || a - b);
  let left = total.minus(add(shares));
  const unit = Decimal(`1e-${digits}`);
  const step = left.isNegative() ? unit.neg() : unit;
  for (let i = 0; left.abs().gte(unit); i = (i + 1) % order.length) {
    shares[order[i]] = shares[order[i]].plus(step);
    left = left.minus(step);
  }
  shares[order[0]] = shares[order[0]].plus(left); // less than a unit, when the amount itself is not whole units
  return shares;
}

function add(amounts: Decimal[]): Decimal {
  return amounts.reduce((a, b) => a.plus(b), Decimal(0));
}
