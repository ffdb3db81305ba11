package main

import (
	"context"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/telemetry"
)

// observe makes metrics and traces of what the engine does.
func (s *server) observe(ctx context.Context) error {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { s.project.log.Warn("metrics or traces", "error", err) }))
	var err error
	if s.telemetry, err = telemetry.New(ctx, version, s.runner.Node, s.env); err != nil {
		return err
	}
	runs, err := run.NewTelemetry(s.telemetry.Meter, s.telemetry.Tracer)
	if err != nil {
		return err
	}
	s.runner.Observe(runs)
	return s.room().Observe(s.telemetry.Meter)
}

// unobserve sends what is left of the traces.
func (s *server) unobserve(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := s.telemetry.Close(ctx); err != nil {
		s.project.log.Warn("the last traces could not be sent", "error", err)
	}
}
