package vismanet

import (
	"context"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// Writer opens a stream of writes.
func (c *connection) Writer(_ context.Context, r sdk.WriteRequest) (sdk.BatchWriter, error) {
	e, api, err := c.entity(r.Entity)
	if err != nil {
		return nil, err
	}
	if !e.create && !e.update {
		return nil, sdk.Fatal("vismanet.read_only", "%s can only be read", e.name)
	}
	return sdk.PerOp(concurrency, func(ctx context.Context, op sdk.Op) sdk.Result {
		t := &trail{}
		id, version, err := c.write(ctx, t, e, api, op)
		return sdk.Result{ID: id, Version: version, Err: err, Exchanges: t.list}
	}), nil
}

func (c *connection) write(
	ctx context.Context, t *trail, e *entity, api api, op sdk.Op,
) (id, version string, err error) {
	body, err := record.DecodeObject(op.Payload)
	if err != nil {
		return "", "", sdk.Invalid("vismanet.bad_value", "the record is not a JSON object: %v", err)
	}
	switch op.Operation {
	case protocol.Operation_OPERATION_CREATE:
		id, version, err = api.create(ctx, t, e, body)
		if err == nil && id == "" {
			return c.unnamed(ctx, t, e, api, body)
		}
		return id, version, err
	case protocol.Operation_OPERATION_UPDATE:
		if op.ID == "" {
			return "", "", sdk.Invalid("vismanet.no_id", "the change of a %s does not say which one", e.name)
		}
		version, err = api.update(ctx, t, e, op.ID, op.Version, body)
		return op.ID, version, err
	}
	return "", "", sdk.Invalid("vismanet.unsupported", "a %s can't be deleted here", e.name)
}

// unnamed finds what was created when the answer did not name it.
func (c *connection) unnamed(
	ctx context.Context, t *trail, e *entity, api api, body map[string]any,
) (id, version string, err error) {
	if m := e.natural(body); m != nil {
		hits, err := c.lookup(ctx, t, e, api, sdk.Query{Match: m})
		if err == nil && len(hits) == 1 {
			return hits[0].ID, hits[0].Version, nil
		}
	}
	return "", "", sdk.Ambiguous("vismanet.no_location",
		"Visma.net took the %s but did not say under which number, and it can't be told from the others", e.name)
}
