// From an item as the books keep it to what the till needs to know of an article. What goes where in the till stands in
// products.hcl.

import { Decimal, cleanText, cutText, exclVat, inclVat, isEan, skuDigits } from "kopru/std";

const blocked = ["NoSales", "Inactive", "MarkedForDeletion", "Unknown"];

export default function (item: any, ctx: any) {
  const sku: string = item.inventoryNumber;
  const attributes = item.attributes ?? {};
  const texts = { ...attributes, ...item.attributeTexts };
  const code = ctx.vars.vat_codes[item.vatCode];
  if (code === undefined) {
    ctx.fail(`no VAT code of the till is set for the VAT category ${item.vatCode}; add it to vat_codes`, { field: "vatCode" });
  }
  return {
    sku,
    is_new: item.is_new,
    number: number(item, ctx),
    class: item.itemClass ?? "",
    name: cutText(cleanText(item.description ?? sku), 255),
    longText: plainText(item.body),
    active: !blocked.includes(item.status),
    stocked: stocked(item, ctx),
    vatCode: code,
    price: price(item, ctx),
    barcode: barcode(item, ctx),
    fields: mapped(ctx.vars.attribute_fields, texts),
    custom: custom(ctx.vars.attribute_custom_fields, attributes, texts, ctx),
    family: attributes[ctx.vars.family_attribute] ?? "",
    categories: (item.salesCategories ?? []).map((c: any) => c.path).filter(Boolean),
  };
}

// number is the till's article number, "" to let the till choose. Two new SKUs that fall on one number are both refused,
// and named.
function number(item: any, ctx: any): string {
  const sku: string = item.inventoryNumber;
  if (!item.is_new) return item.number;
  const byHand = ctx.vars.article_number_map;
  const given = byHand[sku] !== undefined;
  if (ctx.vars.article_numbers === "spelled" && !given) return skuDigits(sku, 18);
  if (ctx.vars.article_numbers === "digits" && item.number === "") {
    ctx.fail(`the SKU "${sku}" has no digits; give it a number in article_number_map, or set article_numbers to "spelled" or "till"`, {
      field: "inventoryNumber",
    });
  }
  if (item.number.length > 18) ctx.fail(`the SKU "${sku}" has more than the 18 digits that the till takes`, { field: "inventoryNumber" });
  const rivals = [
    ...item.alike.filter((other: string) => byHand[other] === undefined),
    ...Object.keys(byHand).filter((other) => other !== sku && byHand[other] === item.number),
  ];
  if (item.number !== "" && rivals.length > 0) {
    const all = [sku, ...rivals].sort().map((s) => `"${s}"`).join(" and ");
    ctx.fail(`the SKUs ${all} would both become article ${item.number}; give one of them another number in article_number_map`, {
      field: "inventoryNumber",
    });
  }
  return item.number;
}

// price has the one that the till is given; it reckons the other by the article's VAT code.
function price(item: any, ctx: any) {
  const amount = item[ctx.vars.item_price];
  if (amount == null) return {};
  if (item.currencyId && item.currencyId !== ctx.vars.currency) {
    ctx.fail(`prices in Visma.net are in ${item.currencyId}, those of the till in ${ctx.vars.currency}; they are never converted`, {
      field: ctx.vars.item_price,
    });
  }
  const rate = Object.keys(ctx.vars.vat_categories).find((r) => ctx.vars.vat_categories[r] === item.vatCode);
  if (rate === undefined) {
    ctx.fail(`no VAT rate is set for the VAT category ${item.vatCode}; add it to vat_categories`, { field: "vatCode" });
  }
  const has = ctx.vars.item_price_with_vat;
  if (ctx.vars.article_price === "with_vat") return { priceIncl: has ? Decimal(amount).round(2) : inclVat(amount, rate!) };
  return { priceExcl: has ? exclVat(amount, rate!) : Decimal(amount).round(2) };
}

// barcode is the one of the unit that is sold. Numbers of the length of a GTIN must have the right check digit.
function barcode(item: any, ctx: any): string {
  const all = (item.crossReferences ?? []).filter((c: any) => c.alternateType === "Barcode" && c.alternateID);
  const own = all.find((c: any) => c.uom === item.salesUnit) ?? all.find((c: any) => !c.uom) ?? all[0];
  const code: string = own?.alternateID ?? "";
  if (ctx.vars.barcode_check === "off" || !/^(\d{8}|\d{12,14})$/.test(code) || isEan(code)) return code;
  if (ctx.vars.barcode_check === "refuse") {
    ctx.fail(`the barcode ${code} has a wrong check digit; correct it in Visma.net, or set barcode_check to "leave_out"`, {
      field: "crossReferences",
    });
  }
  ctx.log(`${item.inventoryNumber}: the barcode ${code} has a wrong check digit and is left out`);
  return "";
}

function stocked(item: any, ctx: any): boolean {
  const own = item.attributes?.[ctx.vars.manage_stock_attribute];
  if (own !== undefined) return own === "1";
  return ctx.vars.manage_stock === "all" || (ctx.vars.manage_stock === "item" && item.stockItem === true);
}

// mapped renames the attributes that a setting names, and takes what their values are called.
function mapped(names: Record<string, string>, texts: Record<string, string>) {
  return Object.fromEntries(
    Object.keys(names)
      .filter((id) => texts[id] !== undefined)
      .map((id) => [names[id], cleanText(texts[id])]),
  );
}

function custom(names: Record<string, string>, attributes: Record<string, string>, texts: Record<string, string>, ctx: any) {
  const out: Record<string, unknown> = {};
  for (const id of Object.keys(names)) {
    const [name, kind] = names[id].split(":");
    if (attributes[id] === undefined) continue;
    switch (kind) {
      case undefined:
        out[name] = cleanText(texts[id]);
        break;
      case "number":
        out[name] = Decimal(attributes[id]);
        break;
      case "bool":
        out[name] = attributes[id] === "1";
        break;
      default:
        ctx.fail(`attribute_custom_fields: ${names[id]}: the kind is number or bool, or left out for text`);
    }
  }
  return out;
}

// plainText is a long text without its markup.
function plainText(html: unknown): string {
  const entities: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', nbsp: " ", "#39": "'" };
  return String(html ?? "")
    .replace(/<(br|\/p|\/div|\/li)[^>]*>/gi, "\n")
    .replace(/<[a-z/!][^>]*>/gi, "")
    .replace(/&(amp|lt|gt|quot|nbsp|#39);/g, (_, name: string) => entities[name])
    .replace(/[ \t\r\f\v\u00a0]+/g, " ")
    .replace(/ ?\n\s*/g, "\n")
    .trim();
}
