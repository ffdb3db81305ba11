package run

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/plugins/host"
)

// Telemetry is where runs count and time what they do: for each batch and each call, never for each record. Labels are
// names of the definition and outcomes, never anything of a record. nil = nobody wants to know.
type Telemetry struct {
	records        metric.Int64Counter
	batches, calls metric.Float64Histogram
	tracer         trace.Tracer
}

// NewTelemetry makes the instruments of runs.
func NewTelemetry(meter metric.Meter, tracer trace.Tracer) (*Telemetry, error) {
	t := &Telemetry{tracer: tracer}
	var wrong [3]error
	t.records, wrong[0] = meter.Int64Counter("kopru.records", metric.WithDescription("Records with a durable outcome"))
	bounds := metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300)
	t.batches, wrong[1] = meter.Float64Histogram("kopru.batch.duration", metric.WithUnit("s"), bounds,
		metric.WithDescription("From when a batch was read until its outcomes were durable"))
	t.calls, wrong[2] = meter.Float64Histogram("kopru.call.duration", metric.WithUnit("s"), bounds,
		metric.WithDescription("Calls of remote systems, without the wait for their limits"))
	return t, errors.Join(wrong[:]...)
}

// Observe makes runs tell t from now on. Call it before the first one begins.
func (r *Runner) Observe(t *Telemetry) { r.telemetry, r.Connections.telemetry = t, t }

// timing is a batch on its way.
type timing struct {
	began time.Time
	span  trace.Span
}

func (t *Telemetry) begin(ctx context.Context, pipeline string, records int) (context.Context, timing) {
	if t == nil {
		return ctx, timing{}
	}
	ctx, span := t.tracer.Start(ctx, "batch "+pipeline)
	if span.IsRecording() {
		span.SetAttributes(attribute.String("kopru.pipeline", pipeline), attribute.Int("kopru.records", records))
	}
	return ctx, timing{time.Now(), span}
}

// settled notes batches whose outcomes are durable.
func (t *Telemetry) settled(ctx context.Context, pipeline string, batches []*batch, c state.Counts) {
	if t == nil {
		return
	}
	of := attribute.String("pipeline", pipeline)
	for outcome, n := range map[state.Outcome]int64{
		state.Delivered: c.Delivered, state.Unchanged: c.Unchanged, state.Filtered: c.Filtered, state.Parked: c.Parked, state.Dead: c.Dead,
	} {
		if n > 0 {
			t.records.Add(ctx, n, metric.WithAttributes(of, attribute.String("outcome", string(outcome))))
		}
	}
	for _, b := range batches {
		b.timing.span.End()
		if len(b.items) == 0 { // only the end of the source
			continue
		}
		t.batches.Record(ctx, time.Since(b.timing.began).Seconds(), metric.WithAttributes(of))
	}
}

// call times a call of a remote system.
func (t *Telemetry) call(ctx context.Context, connection, operation string, do func(context.Context) error) error {
	if t == nil {
		return do(ctx)
	}
	ctx, span := t.tracer.Start(ctx, operation+" "+connection, trace.WithSpanKind(trace.SpanKindClient))
	began := time.Now()
	err := do(ctx)
	result := "ok"
	var failure *host.Failure
	if errors.As(err, &failure) {
		result = className(failure.Class)
	} else if err != nil {
		result = "broken"
	}
	t.calls.Record(ctx, time.Since(began).Seconds(), metric.WithAttributes(attribute.String("connection", connection),
		attribute.String("operation", operation), attribute.String("result", result)))
	if err != nil {
		span.SetStatus(codes.Error, result) // without the message, which may be about a person
	}
	span.End()
	return err
}
