package vismanet

import "github.com/kopru-io/kopru/plugins/sdk"

func contact() *entity {
	fields := []field{
		{name: "contactId", about: "Visma.net's own id."},
		{name: "displayName", flags: sdk.PII, about: "Name as Visma.net shows it."},
		{name: "businessAccount", flags: write, refs: "customer", about: "Number of the customer the person belongs to."},
		{name: "active", kind: truth, flags: write, about: "Whether the contact is in use."},
		{
			name: "title", flags: write, about: "Form of address.",
			values: []string{"Doctor", "Miss", "Mr", "Mrs", "Ms", "Prof"},
		},
		{name: "firstName", flags: person, about: "First name."},
		{name: "lastName", flags: person, about: "Last name."},
		{name: "position", flags: write, about: "Position in the company."},
		{name: "email", flags: person, about: "E-mail address."},
		{name: "web", flags: write, about: "Web address."},
		{name: "phone1", flags: person, about: "Telephone."},
		{name: "phone2", flags: person, about: "Another telephone."},
		{name: "phone3", flags: person, about: "A third telephone."},
		{name: "fax", flags: person, about: "Fax."},
		{name: "sameAsAccount", kind: truth, flags: write, about: "The address is the customer's."},
		{name: "address", kind: object, flags: person, about: "Address.", fields: addressFields()},
		{
			name: "contactMethod", flags: write, about: "How the person wants to be reached.",
			values: []string{"Any", "Email", "Mail", "Fax", "Phone"},
		},
	}
	fields = append(fields, switches([][2]string{
		{"doNotCall", "Not by telephone."},
		{"doNotFax", "Not by fax."},
		{"doNotEmail", "Not by e-mail."},
		{"doNotMail", "Not by post."},
		{"noMassMail", "No mass mail."},
		{"noMarketing", "No marketing."},
	})...)
	return &entity{
		name: "contact", path: "/v1/contact", key: "contactId", about: "A person at a customer.",
		modified: "lastModifiedDateTime", version: "timeStamp", ifMatch: true, create: true, update: true,
		matches: []match{
			{field: "contactId"},
			{field: "businessAccount", query: "businessAccount", fold: true},
			{field: "email", query: "email", fold: true},
			{field: "firstName", query: "firstName"},
			{field: "lastName", query: "lastName"},
		},
		natural: only("businessAccount", "email"),
		fields:  append(fields, field{name: "lastModifiedDateTime", kind: moment, about: "When it last changed."}),
	}
}
