import { Decimal, type Numeric } from "./decimal";

/** Rounds an amount to cents, or to so many digits behind the point, half away from zero. */
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

/** The amount with VAT of one without. The rate is a percentage. */
export function inclVat(excl: Numeric, rate: Numeric, digits = 2): Decimal {
  return Decimal(excl).times(Decimal(rate).plus(100)).div(100, digits);
}

/**
 * Divides an amount over weights, in cents or in units of so many digits behind the point. The shares add up to the
 * amount exactly: cents left over go one by one to the largest weights, so that no share is off by more than a cent.
 * Weights that are all zero get equal shares.
 *
 * @example
 * allocate("10.00", [1, 1, 1]) // 3.34, 3.33, 3.33
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
