package main

import "strings"

// script reshapes an order: totals in cents, SKUs of digits only, two addresses, lines renamed. It uses nothing that
// goja alone does not have, so that the loop can run the very same function.
const script = `export default function (order) {
  let total = 0;
  const lines = order.lines.map((l, i) => {
    const cents = Math.round(l.price * 100) * l.quantity;
    total += cents;
    return { line: i + 1, item: l.sku.replace(/\D/g, ""), description: l.text, quantity: l.quantity, amountCents: cents };
  });
  const place = (a) => ({ addressLine1: a.street, postalCode: a.postalCode, city: a.city, countryId: a.country });
  return {
    reference: order.number,
    date: order.date,
    customer: { number: String(order.customer.number), name: order.customer.name, email: order.customer.email.toLowerCase() },
    billing: place(order.invoiceAddress),
    shipping: place(order.deliveryAddress),
    currency: order.currency,
    totalCents: total,
    lines,
  };
}
`

// job is work from file to file.
type job struct {
	what     string
	pipeline string               // HCL, with in.jsonl and out.jsonl in its folder
	script   string               // order.ts
	keeps    func(orders int) int // lines that must have arrived
}

func jobs() map[string]job {
	all := func(orders int) int { return orders }
	return map[string]job{
		"J0": {
			what:     "file → nothing → file; limit: a loop that copies the lines through two goroutines and syncs",
			pipeline: pipeline("", "failures"), keeps: all,
		},
		"J1": {
			what:     "file → TypeScript → file, an activity entry per record; limit: the same function in goja, all cores, no engine",
			pipeline: pipeline(`transform "shape" { script = "order.ts" }`, "all"), script: script, keeps: all,
		},
		"J1 (failures)": {
			what:     "the same with an activity entry for failures only",
			pipeline: pipeline(`transform "shape" { script = "order.ts" }`, "failures"), script: script, keeps: all,
		},
		"J2": {
			what:     "file → HCL filter and 20-field mapping → file; limit: the same by hand in Go",
			pipeline: pipeline(mapping, "failures"), keeps: func(orders int) int { return orders - orders/4 },
		},
	}
}

// posting sends what the script makes of orders to an endpoint.
func posting(url string) string {
	return toEndpoint(url, `
  transform "shape" { script = "order.ts" }

  sink "order" {
    connection = post.there
    create     = true
  }
`)
}

// toEndpoint is a pipeline from in.jsonl through steps that may use the connection post.there.
func toEndpoint(url, steps string) string {
	return `
connection "file" "from" {
  path = "."
}

connection "post" "there" {
  url = "` + url + `"
}

pipeline "bench" {
  source "in" {
    connection = file.from
    entity     = "in.jsonl"
    key        = "id"
  }
` + steps + `}
`
}

// fileConnections are two, each with a connector process of its own.
const fileConnections = `
connection "file" "from" {
  path     = "."
  isolated = true
}

connection "file" "to" {
  path     = "."
  isolated = true
}
`

func pipeline(steps, activity string) string { return fileConnections + flowOf("", steps, activity) }

// flowOf is the nth of several pipelines from in.jsonl to a file of its own.
func flowOf(n, steps, activity string, settings ...string) string {
	return `
pipeline "bench` + n + `" {
  activity = "` + activity + `"
  ` + strings.Join(settings, "\n  ") + `

  source "in" {
    connection = file.from
    entity     = "in.jsonl"
    key        = "id"
  }
` + steps + `
  sink "out" {
    connection = file.to
    entity     = "out` + n + `.jsonl"
    create     = true
  }
}
`
}

// things brings orders into a system that can't be asked what it has: intents and links are all that is known.
func things(url string) string {
	return toEndpoint(url, `
  sink "thing" {
    connection = post.there
    set        = { id = record.id, number = record.number, date = record.date, currency = record.currency }
  }
`)
}

const mapping = `
  filter "paid" {
    keep   = record.state == "paid"
    reason = "not paid"
  }
  transform "map" {
    set = {
      reference    = record.number
      date         = record.date
      currency     = record.currency
      customer     = tostring(record.customer.number)
      name         = record.customer.name
      email        = lower(record.customer.email)
      phone        = record.customer.phone
      street       = record.invoiceAddress.street
      postalCode   = record.invoiceAddress.postalCode
      city         = record.invoiceAddress.city
      country      = record.invoiceAddress.country
      shipStreet   = record.deliveryAddress.street
      shipPostal   = record.deliveryAddress.postalCode
      shipCity     = record.deliveryAddress.city
      shipCountry  = record.deliveryAddress.country
      firstItem    = record.lines[0].sku
      firstText    = upper(record.lines[0].text)
      firstAmount  = record.lines[0].quantity * record.lines[0].price
      lineCount    = length(record.lines)
      source       = "till ${record.id}"
    }
  }
`
