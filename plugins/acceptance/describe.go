package acceptance

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

var (
	semver     = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
	identifier = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

var describing = []check{
	{
		id: "describe.stable", level: Described,
		promise: "a program describes itself the same way each time: its description is kept by the program's checksum",
		try: func(ctx context.Context, t *trial) {
			again := t.newHost(0)
			defer again.Close()
			m, err := again.Manifest(ctx, t.name)
			if err != nil {
				t.fatalf("a second process does not describe itself: %v", err)
			}
			if !proto.Equal(m, t.manifest) {
				t.failf("a second process describes itself differently")
			}
		},
	},
	{
		id: "describe.complete", level: Described,
		promise: "the description has what consultants and editors need: names, a semantic version, a sentence for each setting, entity and field",
		try:     complete,
	},
	{
		id: "describe.coherent", level: Described,
		promise: "what the description says fits together: ids and matches are fields, defaults have their type, an append-only entity only creates",
		try:     coherent,
	},
	{
		id: "config.accepted", level: Described,
		promise: "a configuration that works has no problems",
		try: func(ctx context.Context, t *trial) {
			problems, err := t.host.Validate(ctx, t.name, t.options.Spec.Config)
			if err != nil {
				t.fatalf("it can't be judged: %v", err)
			}
			for _, p := range problems {
				t.ears.hear("a problem", p.GetSummary()+" "+p.GetDetail())
				if !p.GetWarning() {
					t.failf("%s: %s", p.GetAttribute(), p.GetSummary())
				}
			}
		},
	},
	{
		id: "config.refused", level: Described,
		promise: "a configuration that can't work is refused without the network, at the setting that is wrong",
		try:     refused,
	},
	{
		id: "check.live", level: Described,
		promise: "a connection that works is told to be well, with a fact or two",
		try: func(ctx context.Context, t *trial) {
			facts, problems, err := t.connect(ctx, t.host).Check(ctx)
			if err != nil {
				t.fatalf("it can't be checked: %v", err)
			}
			t.ears.hear("a fact", strings.Join(facts, "\n"))
			for _, p := range problems {
				t.ears.hear("a problem", p.GetSummary()+" "+p.GetDetail())
				if !p.GetWarning() {
					t.failf("%s: %s", p.GetAttribute(), p.GetSummary())
				}
			}
		},
	},
}

func complete(_ context.Context, t *trial) {
	m := t.manifest
	if !semver.MatchString(m.GetVersion()) {
		t.failf("the version %q is not semantic, such as 1.4.0", m.GetVersion())
	}
	if m.GetSummary() == "" {
		t.failf("there is no summary")
	}
	if len(m.GetEntities()) == 0 {
		t.failf("there is no entity")
	}
	settings := func(of string, list []*protocol.Attribute) {
		for _, a := range list {
			switch {
			case !identifier.MatchString(a.GetName()):
				t.failf("%s %q is no name for HCL: use lower case letters, digits and _", of, a.GetName())
			case a.GetDescription() == "":
				t.failf("%s %s has no description", of, a.GetName())
			case a.GetType() == protocol.AttributeType_ATTRIBUTE_TYPE_UNSPECIFIED:
				t.failf("%s %s has no type", of, a.GetName())
			}
		}
	}
	settings("the setting", m.GetConfig())
	for _, e := range m.GetEntities() {
		if e.GetDescription() == "" {
			t.failf("the entity %s has no description", e.GetName())
		}
		settings("the option", e.GetSourceOptions())
		settings("the option", e.GetSinkOptions())
		fields(e.GetName(), e.GetFields(), func(path string, f *protocol.Field) {
			if f.GetDescription() == "" {
				t.failf("the field %s has no description", path)
			}
		})
	}
}

// fields visits all fields, with their paths.
func fields(prefix string, list []*protocol.Field, visit func(path string, f *protocol.Field)) {
	for _, f := range list {
		path := prefix + "." + f.GetName()
		visit(path, f)
		fields(path, f.GetFields(), visit)
	}
}

// naming are the types of settings that can name entities.
var naming = []protocol.AttributeType{
	protocol.AttributeType_ATTRIBUTE_TYPE_STRING_LIST, protocol.AttributeType_ATTRIBUTE_TYPE_STRING_MAP,
	protocol.AttributeType_ATTRIBUTE_TYPE_OBJECT_MAP,
}

func coherent(_ context.Context, t *trial) {
	open := t.manifest.GetOpenEntities() && slices.ContainsFunc(t.manifest.GetEntities(), func(e *protocol.Entity) bool { return e.GetName() == "*" })
	for _, a := range t.manifest.GetConfig() {
		switch d := a.GetDeclares(); {
		case d == nil:
		case !open:
			t.failf("the setting %s names entities, but open_entities is not set or no entity \"*\" says how they are shaped", a.GetName())
		case d.GetFields() != "" && a.GetType() != protocol.AttributeType_ATTRIBUTE_TYPE_OBJECT_MAP:
			t.failf("the setting %s is no map of objects, so that no types of fields stand in it", a.GetName())
		case !slices.Contains(naming, a.GetType()):
			t.failf("the setting %s names entities, and is neither a map nor a list of texts", a.GetName())
		}
		if a.GetDefaultJson() == "" {
			continue
		}
		if a.GetRequired() {
			t.failf("the setting %s is required and has a default", a.GetName())
		}
		if _, err := record.Decode([]byte(a.GetDefaultJson())); err != nil {
			t.failf("the default of %s is not JSON: %v", a.GetName(), err)
		}
	}
	seen := map[string]bool{}
	for _, e := range t.manifest.GetEntities() {
		name := e.GetName()
		if seen[name] {
			t.failf("the entity %s is described twice", name)
		}
		seen[name] = true
		known, match, writable := map[string]bool{}, false, false
		for _, f := range e.GetFields() {
			if known[f.GetName()] {
				t.failf("the field %s.%s is described twice", name, f.GetName())
			}
			known[f.GetName()] = true
			match = match || f.GetMatch()
			writable = writable || f.GetOnCreate()
		}
		switch {
		case e.GetIdField() != "" && !known[e.GetIdField()] && !e.GetOpenFields():
			t.failf("%s names %q as its id, which is none of its fields", name, e.GetIdField())
		case e.GetAppendOnly() && (e.GetCanUpdate() || e.GetCanDelete() || !e.GetCanCreate()):
			t.failf("%s is append-only: it can only be created", name)
		case (e.GetCanUpdate() || e.GetCanDelete()) && !e.GetCanLookup():
			t.failf("%s can be changed but not looked up: what is there could not be compared", name)
		case e.GetCanCreate() && !writable && !e.GetOpenFields():
			t.failf("%s can be created, but none of its fields may be set", name)
		case e.GetCanLookup() && !match && !e.GetOpenFields() && e.GetIdField() == "":
			t.failf("%s can be looked up, but by none of its fields and no id", name)
		}
	}
}

func refused(ctx context.Context, t *trial) {
	if len(t.options.Spec.Refused) == 0 {
		t.skip("the specification has no refuse block")
	}
	for _, r := range t.options.Spec.Refused {
		config := maps.Clone(t.options.Spec.Config)
		maps.Copy(config, r.Config)
		problems, err := t.host.Validate(ctx, t.name, config)
		if err != nil {
			t.failf("%s: it can't be judged: %v", r.Attribute, err)
			continue
		}
		placed := false
		for _, p := range problems {
			t.ears.hear("a problem", p.GetSummary()+" "+p.GetDetail())
			placed = placed || !p.GetWarning() && (p.GetAttribute() == r.Attribute || strings.HasPrefix(p.GetAttribute(), r.Attribute+"."))
		}
		if !placed {
			t.failf("a wrong %s is not refused at %s", r.Attribute, r.Attribute)
		}
	}
}
