package pipelines

// What the words of the language are for, as an editor shows it.

var blockDocs = map[string]string{
	"require":    "Which versions of kopru and of connectors the project needs.",
	"variable":   "A setting whose value is given from outside: a *.vars.hcl file, the environment or --var.",
	"locals":     "Names for values that are worked out once, when the project is loaded.",
	"connection": "A connector with its address and credentials.",
	"pipeline":   "Records on their way from a source through steps, in the order of the text.",
	"alert":      "Who is told when something goes wrong.",
	"engine":     "Where the engine keeps its state, and how it stops.",
	"source":     "What is read. Its records are the pipeline's.",
	"filter":     "Lets records go on for which keep is true.",
	"lookup":     "Looks for one record of a system; its name stands for what was found, or null.",
	"transform":  "Makes a new record, by set or by a script.",
	"sink":       "Finds a record of a system, then creates or updates it; its name stands for the result.",
	"on_error":   "What happens to a record that fails.",
	"oidc":       "The identity provider by which people log in.",
	"validation": "A rule that a variable's value must obey.",
	"use":        "Brings in a template: its files, but for those that the project has itself.",
	"reconcile":  "Compares, day by day, what happened with what is booked.",
	"target":     "Where what happened is booked.",
	"test":       "Runs a pipeline with records and systems that are made up, and says what should come of it.",
	"given":      "What a system holds before the test, by entity.",
	"fails":      "Makes a system refuse what is written to an entity.",
	"expect":     "What a sink should have sent, or what a transform should have made.",
}

// attributeDocs by block; those under "" mean the same in every block.
var attributeDocs = map[string]map[string]string{
	"": {
		"connection":  "The connection that is used, such as mpluskassa.shop.",
		"entity":      "What is read or written there; the step's label where left out.",
		"description": "One line for whoever reads it.",
		"match":       "What identifies the record there: fields with their values.",
		"several": "When several records match: \"dead_letter\" names them, \"first\" takes the oldest, " +
			"and in a lookup \"all\" gives a list of them.",
	},
	"variable": {
		"type": "string, number, bool, list(…), map(…), object({ … }) or any.", "default": "The value when none is given.",
		"sensitive": "The value is a secret: it is never shown.", "nullable": "Whether null is a value.",
	},
	"connection": {
		"limit":    "How much it may be used: { per_second = 5, concurrency = 2, memory = \"256MiB\", cpus = 1 }.",
		"isolated": "Whether it has a connector process of its own.",
	},
	"alert": {
		"to": "Where messages go: addresses of shoutrrr, such as [secret(\"ALERT_MAIL\")].", "pipelines": "Those it watches over; all where left out.",
		"dead_letters": "So many open ones of a pipeline.", "lag": "Nothing is known of a source's records for so long, such as \"30m\".",
		"silence": "No record came for so long, of the open hours.", "open": "When records are to be expected: [\"mon-fri 09:00-18:00\"].",
		"connection_down": "A system fails everybody for so long.", "rate_limited": "A system wants to be left alone for so long.",
		"reconcile": "reconcile blocks whose last day is compared each day.", "reconcile_at": "When that is, such as \"06:00\".",
		"quiet": "When nobody is told: [\"22:00-07:00\"].", "timezone": "The zone of open and quiet.",
	},
	"pipeline": {
		"every": "How often it runs, such as \"30s\".", "cron": "When it runs, as a cron line.", "timezone": "The zone of cron.",
		"enabled": "Whether it runs at all.", "activity": "Which records get an entry in the activity: \"all\" or \"failures\".",
	},
	"filter": {"keep": "Only records for which it is true go on.", "reason": "Why a record was dropped, for the operator."},
	"lookup": {"missing": "When nothing is found: \"null\", \"park\" the record, or \"dead_letter\"."},
	"transform": {
		"set": "The new record.", "script": "A JavaScript or TypeScript file that makes the new record.",
		"vars": "What the script sees as ctx.vars.", "limits": "{ time = \"1s\", depth = 400, output = \"4 MiB\", memory = \"64 MiB\" }",
	},
	"sink": {
		"set": "The fields that are written; the record where left out.", "create": "Whether what is not found is created.",
		"update": "Which fields an update may write: \"all\", \"none\" or a list.", "protect": "Fields that an update never writes.",
		"verify": "Whether the target is asked also when it was given the same before: for what it changes by itself.",
		"when":   "The step is passed over where it is not true, and its name is null.", "for_each": "A list; the sink runs for each.value.",
		"link": "What the written record is remembered by.", "missing": "When nothing is found and create is false: \"dead_letter\", \"park\" or \"skip\".",
	},
	"on_error": {
		"retry": "{ attempts = 6, backoff = \"exponential\", initial = \"1s\", max = \"15m\" }", "then": "\"dead_letter\" or \"stop\".",
		"park_for": "How long a parked record waits, such as \"30d\".", "park_key": "Whether later changes of a key wait behind its dead letter.",
	},
	"engine": {
		"state": "A file, or postgres://…", "drain": "How long a stopped engine lets runs finish.",
		"key":       "Encrypts what the state keeps of records, such as env(\"KOPRU_KEY\").",
		"retention": "{ activity = \"400d\", stories = \"30d\", letters = \"30d\", runs = \"400d\", audit = \"400d\", counts = \"1100d\" }, or \"forever\".",
	},
	"use": {"source": "The name of a template that comes with kopru, or a folder such as \"../bridge\".", "with": "Values for the template's variables: { name = value }."},
	"test": {
		"pipeline": "The pipeline that is tested; the only one where left out.", "record": "What the source gives: an object, or the name of a JSON file.",
		"records": "What the source gives: a list, or the name of a JSON file.", "vars": "Settings of this test: { name = value }.",
		"now": "The test's time, such as \"2026-01-31T12:00:00Z\".", "operation": "\"upsert\", or \"delete\": the source says that the record is gone.",
		"outcome": "How the records end: \"delivered\", \"unchanged\", \"filtered\", \"parked\" or \"dead\"; one for all, or a list with one for each.",
		"reason":  "What the reasons contain; one for all, or a list with one for each.", "code": "The code of the failure, such as \"script.no_street\".",
		"snapshot": "Whether all that was sent is compared with a file, which kopru test --update writes.",
	},
	"given": {"record": "What the system holds: an object.", "records": "What the system holds: a list of objects, or the name of a JSON file."},
	"fails": {
		"class": "How it fails, such as \"invalid\", \"transient\" or \"auth\".", "code": "The code it fails with.", "message": "What it says.",
		"times": "How often; always where left out.",
	},
	"expect": {
		"create": "What should have been sent to make a record: { field = value }, a list of such, or [] for nothing.",
		"update": "What should have been sent to change a record: { field = value }, a list of such, or [] for nothing.",
		"record": "The record that a transform should have made.", "exact": "Whether nothing else may have been sent.",
	},
	"oidc": {
		"issuer": "The identity provider's address, as it stands in its tokens.", "client_id": "What the provider calls this application.",
		"client_secret": "What the application shows to the provider, such as secret(\"OIDC\").", "name": "What people know the provider by.",
		"scopes": "What is asked for; [\"openid\", \"profile\", \"email\"] where left out.", "claim": "Where the provider says what somebody belongs to; \"groups\" where left out.",
		"roles": "{ admin = [\"kopru-admins\"], viewer = [\"*\"] }: the claim's values that give a role.", "domains": "Of e-mail addresses that may come in.",
		"emails": "E-mail addresses that may come in.", "passwords": "Whether users of kopru user add may log in too.",
	},
	"validation": {"condition": "What must be true.", "error_message": "What is said where it is not."},
}

func attributeDoc(block, name string) string {
	if doc := attributeDocs[block][name]; doc != "" {
		return doc
	}
	return attributeDocs[""][name]
}
