package run

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// counted is a writer that counts what gets through to it.
type counted struct {
	Writer
	writes int
}

func (c *counted) Write(context.Context, []*protocol.Op) (*protocol.WriteResults, error) {
	c.writes++
	return &protocol.WriteResults{}, nil
}

// TestLease: a run writes while its lease is fresh, asks the database once it has run out, and writes nothing unless
// the database says that it is still its own.
func TestLease(t *testing.T) {
	t.Parallel()
	gone := errors.New("no route to the database")
	valid := state.LeaseTime - (&state.Store{Lease: state.LeaseTime}).Grace()
	cases := []struct {
		name   string
		age    time.Duration // since the last renewal
		answer error
		asked  int
		want   error
	}{
		{"fresh", 0, gone, 0, nil},
		{"fresh enough", valid - time.Second, gone, 0, nil},
		{"nearly over, and still its own", valid, nil, 1, nil},
		{"nearly over, and taken over", valid, state.ErrFenced, 1, state.ErrFenced},
		{"nearly over, and cut off", valid, gone, 1, gone},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			l := &lease{renewal: func(context.Context) error { asked++; return c.answer }, time: valid}
			l.extend(time.Now().Add(-c.age))
			target := &counted{}
			w := leased{target, l}
			_, err := w.Write(t.Context(), nil)
			var ended *stop
			if !errors.Is(err, c.want) || (err != nil) != errors.As(err, &ended) || asked != c.asked {
				t.Errorf("asked %d times, ended with %v", asked, err)
			}
			if wrote := target.writes == 1; wrote != (c.want == nil) {
				t.Errorf("%d writes got through", target.writes)
			}
		})
	}
}
