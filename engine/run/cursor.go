package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// lostPlace are the ends of the codes by which a connector says that its source no longer knows the cursor: it was
// restored from a backup, replaced, or the cursor is none of its own. Nothing may then be read: what happened since
// would be passed over in silence.
var lostPlace = []string{".marker_went_back", ".bad_cursor", ".changed"}

// cursorAdvice says what to do about a source that no longer knows its cursor.
func (e *execution) cursorAdvice(err error) error {
	var failure *host.Failure
	if !errors.As(err, &failure) || failure.Class != protocol.FailureClass_FAILURE_CLASS_FATAL {
		return err
	}
	for _, end := range lostPlace {
		if !strings.HasSuffix(failure.Code, end) {
			continue
		}
		if e.part != nil {
			return fmt.Errorf("%w\nThe backfill stands where it was. To begin it anew: kopru backfill %s --restart", err, e.pipeline.Name)
		}
		again := "What was delivered is recognised by its links, so nothing is doubled."
		if len(e.appendSinks) > 0 {
			again = fmt.Sprintf("%q only appends, so what stands there already would then stand there twice.", e.appendSinks[0].Name)
		}
		return fmt.Errorf("%w\nThe run stopped and the cursor stays where it is. To read everything again: kopru reset %s --full. %s",
			err, e.pipeline.Name, again)
	}
	return err
}

// watched is a source that is read within its connection's limits, whose end is noted, and whose complaints about the
// cursor are told with what to do.
type watched struct {
	Stream
	of     *execution
	conn   *connection
	ctx    context.Context // until Close, which may come while Next waits for its turn
	cancel context.CancelFunc
}

// Close ends the read, also one that waits.
func (w *watched) Close() error {
	w.cancel()
	return w.Stream.Close()
}

// Next returns the next batch.
func (w *watched) Next() (b *protocol.Batch, err error) {
	err = w.conn.read(w.ctx, func() error {
		b, err = w.Stream.Next()
		return err
	})
	if errors.Is(err, io.EOF) {
		w.of.ended = true
		return nil, err
	}
	if err != nil {
		return nil, w.of.cursorAdvice(err)
	}
	return b, nil
}
