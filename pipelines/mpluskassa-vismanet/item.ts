// From an article as the till keeps it to what the books need to know of an item. What goes where in Visma.net stands
// in products_from_till.hcl.

import { Decimal, cleanText, cutText, exclVat, isEan } from "kopru/std";

export default function (article: any, ctx: any) {
  const rate = String(Decimal(article.vatPercentage ?? 0));
  const vatCode = ctx.vars.vat_categories[rate];
  if (vatCode === undefined) {
    ctx.fail(`no tax category is set for a VAT rate of ${rate} %; add it to vat_categories`, { field: "vatPercentage" });
  }
  return {
    sku: article.sku,
    name: cutText(cleanText(article.description ?? article.sku), 256),
    longText: String(article.extraText ?? "").trim(),
    active: article.active !== false && article.discontinued !== true,
    class: ctx.vars.item_classes[String(article.turnoverGroup ?? "")] ?? ctx.vars.item_class,
    vatCode,
    price: price(article, rate, ctx),
    barcode: barcode(article, ctx),
    attributes: attributes(article, ctx),
  };
}

// price has so many decimals that it leads back to the till's price with VAT.
function price(article: any, rate: string, ctx: any): Decimal {
  const incl = Decimal(article.priceIncl ?? 0);
  return ctx.vars.item_price_with_vat ? incl : exclVat(incl, rate, ctx.vars.price_decimals);
}

function barcode(article: any, ctx: any): string {
  const code = String(article.barcode ?? "").trim();
  if (ctx.vars.barcode_check === "off" || !/^(\d{8}|\d{12,14})$/.test(code) || isEan(code)) return code;
  if (ctx.vars.barcode_check === "refuse") {
    ctx.fail(`the barcode ${code} has a wrong check digit; correct it in the till, or set barcode_check to "leave_out"`, { field: "barcode" });
  }
  ctx.log(`${article.sku}: the barcode ${code} has a wrong check digit and is left out`);
  return "";
}

function attributes(article: any, ctx: any): Record<string, string> {
  const out: Record<string, string> = {};
  const put = (names: Record<string, string>, from: any) => {
    for (const name of Object.keys(names)) {
      const value = from?.[name];
      if (value !== undefined && value !== null && value !== "") out[names[name]] = ctx.vars.attribute_values[text(value)] ?? text(value);
    }
  };
  put(ctx.vars.item_field_attributes, article);
  put(ctx.vars.item_custom_field_attributes, article.customFields);
  const group = article.groupNumbers?.[0];
  if (ctx.vars.category_attribute !== "" && group !== undefined) out[ctx.vars.category_attribute] = String(group);
  return out;
}

// text is a value as Visma.net keeps it in an attribute.
function text(value: unknown): string {
  if (value === true) return "1";
  if (value === false) return "0";
  return cleanText(String(value));
}
