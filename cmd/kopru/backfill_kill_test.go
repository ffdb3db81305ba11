package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/kopru-io/kopru/engine/state/postgrestest"
)

// backfillAll is the backfill of all that the sandbox sold, on the shipped bridge.
func (w *world) backfillAll(project string) *exec.Cmd {
	return w.kopru("backfill", project, "orders", "--json", "--from", "2025-12-29", "--to", "2026-07-31", "--partitions", "30")
}

type backfillEnd struct {
	Pipelines []struct {
		Status   string
		Error    string
		Records  struct{ Read, Delivered, Unchanged, Filtered, Parked, Dead int }
		Backfill struct {
			ReadAgain  int `json:"read_again"`
			Partitions []struct{ Status, Node string }
		}
	}
}

// endBackfill runs the command to its end and checks that each order was read once, apart from those read again.
func (w *world) endBackfill(cmd *exec.Cmd, orders int) backfillEnd {
	w.t.Helper()
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if exit, ok := err.(*exec.ExitError); err != nil && (!ok || exit.ExitCode() != exitPartial) { //nolint:errorlint // what Output returns
		w.t.Fatalf("%v\n%s", err, out)
	}
	var end backfillEnd
	if err := json.Unmarshal(out, &end); err != nil || len(end.Pipelines) != 1 {
		w.t.Fatalf("%v\n%s", err, out)
	}
	p := end.Pipelines[0]
	r := p.Records
	if r.Read != r.Delivered+r.Unchanged+r.Filtered+r.Parked+r.Dead || r.Read-p.Backfill.ReadAgain != orders {
		w.t.Errorf("%d orders: %+v, %d of them again", orders, r, p.Backfill.ReadAgain)
	}
	for i, part := range p.Backfill.Partitions {
		if part.Status != "done" {
			w.t.Errorf("partition %d is %s", i+1, part.Status)
		}
	}
	return end
}

// TestBackfillKilledAtAnyMoment kills the command with SIGKILL at random moments; the same command then goes on.
func TestBackfillKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	orders, kills := number("KOPRU_KILL_ORDERS", 250), number("KOPRU_KILLS", 5)
	w := newWorld(t, orders, time.Millisecond)
	w.remember()
	rng := rand.New(rand.NewPCG(uint64(number("KOPRU_SEED", 7)), 1))
	for n := range kills {
		cmd := w.backfillAll(bridge(t))
		ended := w.begin(cmd)
		timer := time.NewTimer(time.Duration(300+rng.IntN(1200)) * time.Millisecond)
		select {
		case <-timer.C:
		case <-ended:
			t.Logf("kill %d: the backfill had ended", n)
			continue
		}
		w.kill(cmd, ended)
	}
	w.endBackfill(w.backfillAll(bridge(t)), orders)
	w.reconcile()
	w.once()
}

// TestBackfillOverProcesses lets two `kopru run` on PostgreSQL help, and kills one of them in the middle of a partition.
func TestBackfillOverProcesses(t *testing.T) {
	t.Parallel()
	orders := number("KOPRU_KILL_ORDERS", 250)
	w := newWorld(t, orders, 5*time.Millisecond)
	w.remember()
	w.state = postgrestest.Start(t).Database(t)
	project := filepath.Join(w.dir, "bridge") // as shipped, but with no schedule: no live runs
	if err := os.CopyFS(project, os.DirFS(bridge(t))); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(project, "orders.hcl"))
	if err != nil || !bytes.Contains(text, []byte("every       = var.orders_every")) {
		t.Fatalf("%v, and where is the schedule?", err)
	}
	text = bytes.Replace(text, []byte("every       = var.orders_every"), nil, 1)
	if err := os.WriteFile(filepath.Join(project, "orders.hcl"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	helpers := map[string]*exec.Cmd{}
	for range 2 {
		cmd := w.kopru("run", project)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		helpers[nodeOf(cmd.Process.Pid)] = cmd
	}
	command := w.backfillAll(project)
	ended := make(chan backfillEnd, 1)
	go func() { ended <- w.endBackfill(command, orders) }()

	node, at := w.someHelper(helpers)
	children := childrenOf(helpers[node].Process.Pid)
	_ = helpers[node].Process.Kill()
	killed := time.Now()
	_ = helpers[node].Wait()
	noOrphans(t, children)
	for {
		if p := w.partitions(); len(p) <= at || p[at].Node != node {
			break
		}
	}
	t.Logf("a partition of the killed node was taken over after %s", time.Since(killed).Round(time.Millisecond))
	<-ended
	w.reconcile()
	w.once()
}

type cursorPartition struct {
	Status, Node string
	Records      struct{ Read int }
}

// partitions asks the real program where the backfill stands; none when it is over.
func (w *world) partitions() []cursorPartition {
	w.t.Helper()
	out, err := w.kopru("cursor", "--json").Output()
	if err != nil {
		w.t.Fatalf("%v\n%s", err, out)
	}
	var view struct {
		Backfills []struct{ Partitions []cursorPartition }
	}
	if err := json.Unmarshal(out, &view); err != nil {
		w.t.Fatal(err)
	}
	if len(view.Backfills) == 0 {
		return nil
	}
	return view.Backfills[0].Partitions
}

// someHelper waits until one of the nodes is in the middle of a partition, and returns both.
func (w *world) someHelper(helpers map[string]*exec.Cmd) (node string, partition int) {
	w.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		for i, p := range w.partitions() {
			if helpers[p.Node] != nil && p.Status == "running" {
				return p.Node, i
			}
		}
	}
	w.t.Fatal("no helper took a partition")
	return "", 0
}

func nodeOf(pid int) string {
	host, _ := os.Hostname()
	return host + "/" + strconv.Itoa(pid)
}
