// Package telemetry carries metrics to Prometheus and traces to an OpenTelemetry collector.
package telemetry

import (
	"context"
	"errors"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	promexport "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Telemetry is the metrics and traces of a process.
type Telemetry struct {
	http.Handler // answers with the metrics, as Prometheus wants them
	Meter        metric.Meter
	Tracer       trace.Tracer

	ends []func(context.Context) error
}

// The environment says where traces go, by the names of OpenTelemetry. Without either nothing is traced.
var endpoints = []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}

// New begins to collect.
func New(ctx context.Context, version, node string, env func(string) (string, bool)) (*Telemetry, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	exporter, err := promexport.New(promexport.WithRegisterer(registry), promexport.WithoutScopeInfo(), promexport.WithoutTargetInfo())
	if err != nil {
		return nil, err
	}
	metrics := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	t := &Telemetry{
		Handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), Meter: metrics.Meter("kopru"),
		Tracer: noop.NewTracerProvider().Tracer("kopru"), ends: []func(context.Context) error{metrics.Shutdown},
	}
	for _, name := range endpoints {
		if where, _ := env(name); where == "" {
			continue
		}
		out, err := otlptracehttp.New(ctx) // reads the rest of the environment itself
		if err != nil {
			return nil, errors.Join(err, t.Close(ctx))
		}
		of, err := resource.New(ctx, resource.WithAttributes(
			attribute.String("service.name", "kopru"), attribute.String("service.version", version),
			attribute.String("service.instance.id", node)), resource.WithFromEnv())
		if err != nil {
			return nil, errors.Join(err, t.Close(ctx))
		}
		traces := sdktrace.NewTracerProvider(sdktrace.WithBatcher(out), sdktrace.WithResource(of))
		t.Tracer, t.ends = traces.Tracer("kopru"), append(t.ends, traces.Shutdown)
		break
	}
	return t, nil
}

// Close sends what is left of the traces.
func (t *Telemetry) Close(ctx context.Context) error {
	var wrong []error
	for _, end := range t.ends {
		wrong = append(wrong, end(ctx))
	}
	return errors.Join(wrong...)
}
