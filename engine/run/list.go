package run

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// List reads records of an entity, as many as most, within the limits of the connection.
func (s *Connections) List(ctx context.Context, def *pipelines.Connection, entity string, most int) ([]map[string]any, error) {
	conn, err := s.get(ctx, def)
	if err != nil {
		return nil, err
	}
	defer s.release(map[string]*connection{def.Address(): conn})
	stream, err := conn.Read(ctx, &protocol.ReadStart{Entity: entity, Options: []byte("{}"), BatchSize: BatchSize})
	if err != nil {
		return nil, err
	}
	defer stream.Close() //nolint:errcheck // what was read is enough
	var out []map[string]any
	for len(out) < most {
		var b *protocol.Batch
		err := conn.read(ctx, func() (err error) {
			b, err = stream.Next()
			return err
		})
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return out, fmt.Errorf("%s of %s: %w", entity, def.Address(), err)
		}
		for _, r := range b.GetRecords() {
			if r.GetFailure() != nil {
				continue
			}
			doc, err := record.DecodeObject(r.GetPayload())
			if err != nil {
				return out, fmt.Errorf("%s %s of %s: %w", entity, r.GetKey(), def.Address(), err)
			}
			out = append(out, doc)
		}
	}
	return out, nil
}
