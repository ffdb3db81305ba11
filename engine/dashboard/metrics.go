package dashboard

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/kopru-io/kopru/plugins/host"
)

// Look is everything at a glance, for those who have no page.
func (e Engine) Look(ctx context.Context) (*Overview, error) {
	r := &room{Engine: e, now: time.Now}
	return r.overview(ctx)
}

// Observe makes a meter tell what the overview does, whenever somebody asks it.
func (e Engine) Observe(meter metric.Meter) error {
	var wrong []error
	gauge := func(name, unit, what string) metric.Float64ObservableGauge {
		g, err := meter.Float64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(what))
		wrong = append(wrong, err)
		return g
	}
	dead := gauge("kopru.dead.letters", "", "Open letters of records that need a person")
	parked := gauge("kopru.parked.records", "", "Records that wait for something")
	lag := gauge("kopru.cursor.lag", "s", "Since when not everything that the source has is known to have its outcome")
	running := gauge("kopru.pipeline.running", "", "1 while a run is under way")
	paused := gauge("kopru.connection.paused", "", "1 while a system wants to be left alone")
	down := gauge("kopru.connection.down", "", "1 while a system fails whoever uses it")
	alerts := gauge("kopru.alerts.open", "", "Things that are wrong of what an alert watches over")
	connector := gauge("kopru.connector.state", "", "1 for the state that a connector's process on this node is in")
	all := []metric.Observable{dead, parked, lag, running, paused, down, alerts, connector}
	_, err := meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		seen, err := e.Look(ctx)
		if err != nil {
			return err
		}
		for i := range seen.Pipelines {
			p := &seen.Pipelines[i]
			of := metric.WithAttributes(attribute.String("pipeline", p.Name))
			o.ObserveFloat64(dead, float64(p.Dead), of)
			o.ObserveFloat64(parked, float64(p.Parked), of)
			o.ObserveFloat64(running, boolean(p.Running), of)
			if p.LagSeconds != nil {
				o.ObserveFloat64(lag, *p.LagSeconds, of)
			}
		}
		for _, c := range seen.Connections {
			of := metric.WithAttributes(attribute.String("connection", c.Address))
			o.ObserveFloat64(paused, boolean(c.PausedUntil != nil), of)
			o.ObserveFloat64(down, boolean(c.State == Down), of)
		}
		open := map[string]int{}
		for _, a := range seen.Alerts {
			open[a.Alert]++
		}
		for _, a := range e.Definition().Project.Alerts {
			o.ObserveFloat64(alerts, float64(open[a.Name]), metric.WithAttributes(attribute.String("alert", a.Name)))
		}
		for _, c := range e.Connectors() {
			for _, s := range []host.State{host.Idle, host.Ready, host.BackingOff, host.Quarantined} {
				o.ObserveFloat64(connector, boolean(c.State == s),
					metric.WithAttributes(attribute.String("connector", c.Name), attribute.String("state", string(s))))
			}
		}
		return nil
	}, all...)
	return errors.Join(append(wrong, err)...)
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
