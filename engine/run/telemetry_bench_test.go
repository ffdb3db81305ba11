package run

import (
	"context"
	"testing"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/engine/telemetry"
)

// BenchmarkTelemetry is what metrics cost a batch of 250 records that needed two calls, while nobody traces. The second
// figure is that of one record.
func BenchmarkTelemetry(b *testing.B) {
	told, err := telemetry.New(b.Context(), "1.2.3", "here/1", func(string) (string, bool) { return "", false })
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = told.Close(context.WithoutCancel(b.Context())) })
	t, err := NewTelemetry(told.Meter, told.Tracer)
	if err != nil {
		b.Fatal(err)
	}
	const records = 250
	counts := state.Counts{Read: records, Delivered: 200, Unchanged: 40, Filtered: 9, Dead: 1}
	work := &batch{items: make([]*item, records)}
	b.ReportAllocs()
	for b.Loop() {
		var ctx context.Context
		ctx, work.timing = t.begin(b.Context(), "orders", records)
		for _, operation := range []string{"lookup", "write"} {
			if err := t.call(ctx, "vismanet.books", operation, func(context.Context) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
		t.settled(ctx, "orders", []*batch{work}, counts)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
}
