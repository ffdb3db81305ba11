package diag

import (
	"maps"
	"slices"
	"strings"
)

// Codes lists every code that loading a project and evaluating its expressions can give, sorted.
func Codes() []string { return slices.Sorted(maps.Keys(catalogue)) }

// Explain is the help for a code: what it means and what to do. It is "" for a code that is not in the catalogue.
func Explain(code string) string {
	if strings.HasPrefix(code, "script.") { // a script's own
		code = "transform.rejected"
	}
	return catalogue[code]
}

var catalogue = map[string]string{
	// ---- the text of a project
	"lang.no_project": "The folder has no *.hcl file. Name the folder that holds your pipelines, or " +
		"begin one with kopru init.",
	"lang.unreadable": "A file can't be read, is not text in UTF-8, or is larger than 1 MiB. Check its " +
		"rights and its encoding.",
	"lang.syntax": "The text can't be understood. Look at the place and just before it: a bracket or a quote is missing or is " +
		"too many, or an = stands where a block begins. Mistakes further down in the same file are told once it can be read.",
	"lang.unknown_block":     "There is no block of this name here. If it is a setting, write it with an equals sign.",
	"lang.unknown_attribute": "There is no setting of this name here. The message lists those there are.",
	"lang.missing_attribute": "The block does not work without this setting.",
	"lang.missing_block": "The block does not work without another block in it, such as a pipeline without " +
		"a source.",
	"lang.labels": "A block is followed by names in quotes, and this one has too few or too many of them.",
	"lang.name": "A name that expressions refer to begins with a letter and has only letters, " +
		"digits, _ and -.",
	"lang.reserved":     "The name has a meaning in expressions already, such as record or var.",
	"lang.leading_zero": "A number was written with zeros in front, such as 01. As a number it would lose them. Codes, such as those of warehouses and VAT categories, are texts: write them in quotes.",
	"lang.duplicate":    "The same thing is said twice, and only one of them could count. Remove or rename one.",
	"lang.conflict":     "Two settings exclude each other.",
	"lang.order":        "Steps run in the order of the text, and the source is the first.",
	"lang.version":      "Another version is installed than the require block asks for.",

	// ---- connectors
	"lang.unknown_connector": "No program kopru-connector-NAME was found beside kopru, in $KOPRU_CONNECTORS or in .kopru/connectors, or it can't " +
		"be used. See kopru connector list.",
	"connector.not_locked": "The project has a lock, kopru.lock.hcl, and this connector or this platform is not in it. Only what is locked " +
		"is started. If you trust the program, run kopru connector lock.",
	"connector.confined": "The system refused the connector a file or an address that it does not ask for in its manifest or by its " +
		"settings, which is all it may use. Correct the setting that names the path; otherwise tell the publisher. " +
		"kopru check shows what a connector is confined to.",
	"connector.checksum": "The program is not the one that was locked: it was changed, replaced or upgraded. kopru connector install brings " +
		"the locked one back; kopru connector lock takes the new one, if you trust it.",
	"release.signature": "A release must be signed by the key that the project's require block names. Either it was changed on its way, or " +
		"somebody else signed it, or the publisher has a new key: ask the publisher before you change the key.",
	"release.tampered": "The program does not have the checksum that its publisher signed. It was changed on its way; nothing was installed. " +
		"Try another source, and tell the publisher.",
	"release.swapped":    "The signature is the publisher's, but of another connector or version than was asked for. The source is wrong or hostile.",
	"release.malformed":  "The release is signed, but its release.json is not as kopru connector package writes it. Tell the publisher.",
	"release.key":        "A publisher's public key is the second line of the .pub file that kopru connector key (or minisign) wrote.",
	"release.no_version": "The source has no version that the require block's constraint allows.",
	"release.changed": "A version is released once, but the source now has another program under the locked version. Ask the publisher; " +
		"kopru connector lock --upgrade takes it.",
	"release.platform":        "The publisher has no program of this connector for this machine's system and processor.",
	"release.lock":            "kopru.lock.hcl is written by kopru connector lock and kept with the project.",
	"lang.unknown_connection": "No connection block declares it. References are written connector.name, without quotes.",
	"lang.unknown_entity": "The connector has no such entity. A step's label is its entity unless `entity` " +
		"says another.",
	"lang.similar_entity": "The connection declares an entity of nearly this name. One that it does not declare may be there too; " +
		"name it in the connection's settings, and nothing is said.",
	"lang.unsupported": "The connector can't do this with the entity: read, look up, write or update. " +
		"See kopru connector schema.",
	"lang.unknown_field": "There is no field of this name. Names are case-sensitive. See kopru connector " +
		"schema for the fields of an entity.",
	"lang.unwritable_field": "The field exists but can't be used like this: it is read-only, can't be " +
		"updated, or can't be looked up by.",
	"lang.missing_field": "The entity can't be created without this field.",
	"lang.no_match": "A sink without match can't tell whether a record is there already when the answer to a create is lost. The record then " +
		"becomes a dead letter. Add match with what identifies it in the target.",
	"lang.pair": "Sinks with the same pair keep records of two kinds alike. Each writes one kind, and reads the other, or says with " +
		"link which record of the other kind it is about.",
	"lang.no_winner": "Pipelines write both ways, and no sink has wins. Where both sides changed a field, the value counts that is in the " +
		"target of the pipeline which notices first. Give one of the sinks wins.",

	// ---- alerts
	"alert.no_condition": "An alert tells of what its settings name: dead_letters, lag, silence, connection_down, rate_limited or reconcile. " +
		"With none of them it never tells anything.",
	"alert.unknown_channel": "Messages go to an address such as smtp://…, slack://…, teams://… or generic+https://… for a webhook of your " +
		"own; shoutrrr's manual has the form of each. Keep it with kopru secret set.",

	// ---- values
	"lang.wrong_type":  "The value is of another type than is needed, such as a text where a number is needed.",
	"lang.wrong_value": "The value is of the right type and still not possible. The message says what is.",
	"lang.sensitive":   "A secret would be stored or shown. Secrets belong in the settings of a connection.",
	"lang.plain_secret": "A secret stands in the text of the project, for all to see who can read it. " +
		"Keep it with kopru secret set, or take it from the environment with env().",
	"lang.unknown_name": "Nothing of this name can be used here. A text stands in quotes.",
	"lang.unknown_function": "There is no function of this name. What is not there can be written in " +
		"JavaScript, as a transform with script.",
	"lang.arguments":  "The function takes another number of arguments.",
	"lang.later_step": "The name is that of a step further down, which has not run yet. Move one of them.",
	"lang.record_time": "The value is worked out when the project is loaded, and the name is there only " +
		"when a record comes along.",
	"lang.load_time": "env(), file() and secret() are called when the project is loaded, so their arguments " +
		"can't come from a record.",
	"lang.cycle": "Locals need each other in a circle, so that none can be worked out first.",

	// ---- variables
	"var.undeclared": "An expression uses a variable or local that nobody declares.",
	"var.unknown":    "A value is given for a variable that no variable block declares.",
	"var.missing": "A variable without a default was given no value. Set it in kopru.vars.hcl, as " +
		"KOPRU_VAR_name or with --var.",
	"var.invalid":   "The value is not of the variable's type, or is against one of its validation rules.",
	"var.type":      "Types are string, number, bool, any, list(…), set(…), map(…), tuple([…]) and object({ … }).",
	"var.reference": "A variable's value can't depend on other variables or on locals. Work out what does in locals.",

	// ---- evaluating
	"expr.null_value": "A value is null where something is needed of it. Use coalesce(value, otherwise) " +
		"or try(expression, otherwise).",
	"expr.wrong_type":       "A value is of another type than the expression needs.",
	"expr.out_of_range":     "The list is shorter than that. try(list[0], null) allows for it.",
	"expr.division_by_zero": "The divisor is zero. Test for it: divisor == 0 ? null : amount / divisor.",
	"expr.number":           "The result is no number that can be written: it is too large or not determined.",
	"expr.duplicate_key":    "Two elements give the same field. Put … after the value to collect both in a list.",
	"expr.function":         "The function can't work with what it was given. The message says why.",
	"expr.failed":           "The expression has no value.",

	// ---- scripts
	"transform.import":     "A script, or a file it imports, can't be found in the project.",
	"transform.syntax":     "The script can't be understood. It is JavaScript or TypeScript, up to ES2022.",
	"transform.no_default": "A script exports the function to call: export default function (record, ctx) { … }.",
	"transform.regex":      "The regular expression could run without end, or does not mean what it says.",
	"transform.limits":     "A limit of the script is not possible.",
	"transform.threw":      "The script threw an error.",
	"transform.rejected": "The script refused the record, and the message says why. Mend the record where it comes from, or edit it here and " +
		"replay; where a setting decides, change the setting and replay.",
	"transform.timeout": "The script took longer than its limit. Raise limits.time, or let it do less.",
	"transform.depth":   "The script's functions call each other too deeply, mostly without end.",
	"transform.memory":  "The script holds more memory than its limit. Raise limits.memory, or let it keep less.",
	"transform.output":  "The script's result is larger than its limit. Raise limits.output, or return less.",
	"transform.inexact_number": "The script's result has a binary fraction, which money must not. Compute with " +
		"Decimal from kopru/std.",
	"transform.bad_value": "The script's result holds something that is no JSON, such as a function.",
	"transform.no_result": "The script returned nothing. End it with return, also in every branch.",
	"transform.pending":   "The script returned a promise that waits for something that will not come.",
	"transform.crashed":   "The script engine failed. This is a mistake of ours; please report it with the script.",

	"lang.no_template": "A use block names a template that is not there. source is a folder, such as \"../bridge\", or the name of " +
		"a template that comes with kopru.",

	// ---- tests
	"test.failed": "Something is not as a test expects. Below its line stands what was expected (-) and what there is (+). " +
		"Correct the pipeline, or the test when it is the test that is wrong; kopru test --update takes new snapshots.",

	"test.refused": "A test has a system refuse what is written to it (its fails block), or the record to update is none that the " +
		"test gave. It never happens in a run.",

	// ---- records on their way
	"source.bad_payload": "What the source gave is no JSON. Mend it there, or replay the letter with --edit.",
	"filter.not_a_bool":  "A filter's keep must be true or false for every record. Write a comparison.",
	"lookup.bad_answer":  "The connector's answer can't be read. This is a mistake of the connector.",
	"lookup.not_exact": "The connector found something else than it was asked for, and nothing is written to the wrong " +
		"record. This is a mistake of the connector.",
	"connector.bad_results": "The connector's answer to a write does not fit what was sent. This is a mistake of the connector.",
	"connector.no_id":       "The connector created a record and did not say its id. This is a mistake of the connector.",
	"connector.bad_answer": "The connector answered another number of results than it was asked for. This is a mistake of " +
		"the connector.",
	"sink.not_found": "What the record needs is not in the target. Create it there and replay, let the sink create it, or " +
		"let the record wait for it with missing = \"park\".",
	"sink.several_matches": "Several records of the target match, and Kopru does not guess. Merge them there or make match " +
		"narrower, then replay; several = \"first\" takes the oldest.",
	"sink.unverifiable_create": "A create was sent and its answer was lost. Look whether the record is in the target. If it " +
		"is not, replay the letter; if it is, discard the letter. A sink with match finds out by itself.",
	"sink.announced_elsewhere": "Another node is creating the same record and has not said how that ended. Replay the letter " +
		"when it has.",
	"pair.taken": "Two records match one record of the other system, and only one of them can belong to it. Merge the two, or tell " +
		"them apart in what match compares, then replay.",
	"pair.conflict": "A field was changed in both systems since they last agreed. The sink with wins for the field decides whose value " +
		"counts; the activity says whose did.",
	"sink.not_an_object": "A sink writes fields, so what it is given must be an object. Look at set, or at what the script returns.",
	"sink.not_a_list":    "for_each goes over a list. Put a single value in brackets: [value].",
	"sink.no_key": "The sink's link has no value for this record, so its target could not be told from others'. Look at link, " +
		"or at the source's key.",
	"sink.bad_value":  "A value can't be written as JSON.",
	"sink.bad_answer": "The fields that the connector found can't be read. This is a mistake of the connector.",
	"parked": "The record waits for something that is not there yet. It is tried again by itself as soon as it is; create it in the " +
		"target, or discard the letter when it will never come.",
	"parked.behind": "The record waits behind an earlier letter of the same key, since on_error has park_key. It comes by " +
		"itself when that letter is replayed or discarded.",
	"parked.expired": "What the record waited for did not come in the time of on_error { park_for }. Create it in the " +
		"target and replay, or discard the letter.",
	// ---- between kopru and a connector
	"connector.bad_query":        "A lookup asked the connector with something that is no object. This is a mistake of kopru or of the connector; please report it.",
	"connector.bad_value":        "What the connector found can't be written as JSON. This is a mistake of the connector.",
	"connector.cancelled":        "The call was given up, as when a run is stopped. Nothing is lost: the record is tried again.",
	"connector.closed":           "The connection was closed while it was used, as when kopru stops. The record is tried again.",
	"connector.died":             "The connector's process ended in the middle of its work; the message has its last words. It is started again by itself. If it keeps dying, tell the publisher; a limit of memory in the connection block ends it too.",
	"connector.error":            "The connector failed and said no more than the message. Records are tried again as on_error says.",
	"connector.handle_taken":     "A connection was opened twice. This is a mistake of kopru; please report it.",
	"connector.host_closed":      "kopru is stopping, and starts no connector any more.",
	"connector.hung":             "The connector did not answer and was killed. It is started again by itself. If it happens often, the system is slow or out of reach: try kopru check.",
	"connector.interrupted":      "A write was given up before its answer came, so that it may have arrived. The target is asked before anything is sent again.",
	"connector.manifest":         "What the connector says of itself can't be read. This is a mistake of the connector.",
	"connector.manifest_changed": "The program of the connector was replaced while kopru ran, and now says something else of itself. Start kopru again.",
	"connector.missing":          "There is no program kopru-connector-NAME beside kopru, in $KOPRU_CONNECTORS or in .kopru/connectors, or it can't be read. See kopru connector list and kopru connector install.",
	"connector.no_connection":    "The connector opened no connection and gave no reason. This is a mistake of the connector.",
	"connector.panic":            "The connector made a mistake of its own and went on; the message says which. Tell the publisher.",
	"connector.protocol":         "The connector does not keep to the protocol, or is of another version of it. What was written is asked for before anything is sent again. kopru connector accept tells what is wrong with a connector.",
	"connector.quarantined":      "The connector died so often that it is not started for a while. The log has its last words. Once it is mended, start kopru again.",
	"connector.record_too_large": "A record of the source is larger than one message may be. Leave parts of it out in the source's settings, or mend it there.",
	"connector.start":            "The connector's program did not start; the message has what it said. Try it by hand, and look at its rights and at the machine it was built for.",
	"connector.stopped":          "The connector was stopped, as when kopru stops. The record is tried again.",
	"connector.timeout":          "The system took too long to answer. The record is tried again; the connection's timeout can be raised where the connector has one.",
	"connector.too_large":        "What is to be written is larger than one message may be. Send fewer fields, or smaller ones.",
	"connector.too_late":         "The engine's leave to write was over before the write was sent, as after a pause of the machine. Nothing was sent; it is tried again.",
	"connector.unknown_entity":   "The connector has no such entity. Its program may have been replaced by another version; see kopru connector schema.",
	"connector.unknown_handle":   "The connector does not know the connection any more, as after it died. It is opened again by itself.",
	"connector.unsupported":      "The connector can't do this with the entity: read, look up or write. See kopru connector schema.",

	"replay.impossible": "The replay began at a step that needs what only earlier steps know. Replay from the start, or from " +
		"the step that the message names.",
}
