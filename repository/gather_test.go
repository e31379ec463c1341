package repository

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"
)

// TestGathered: look-ups at the same time get what they get one by one: one
// device, several of one node, none; of one service and of another.
func TestGathered(t *testing.T) {
	databases(t, func(t *testing.T, uri string) {
		d := openDevices(t, uri)
		type question struct{ service, node string }
		var asked []question
		for i := range 50 {
			k := key(fmt.Sprint("token", i))
			k.Account = fmt.Sprintf("u%d@example.com", i)
			if i%3 == 0 {
				k.Service = "push.other.example"
			}
			node := register(t, d, k, "", fmt.Sprint("node", i)).Node
			asked = append(asked, question{k.Service, node}, question{"push.third.example", node})
		}
		// Another component may put several devices under one node.
		ok(t, d.ds.writing().exec(t.Context(), "UPDATE tig_push_devices SET node = ?, node_sha1 = ? WHERE user_jid = ?", asked[2].node, hash(asked[2].node), "u2@example.com"))
		d.ds.changes.Add(1)
		want := map[question][]Device{}
		for _, q := range asked {
			found, err := d.ByNode(t.Context(), q.service, q.node)
			ok(t, err)
			want[q] = found
		}
		server := d.ds.engine != sqliteEngine // an embedded one finds only what lies with its node
		if n := len(want[asked[2]]); n != 2 && server {
			t.Fatalf("%d devices of a node", n)
		}
		var all sync.WaitGroup
		for range 3000 {
			all.Go(func() {
				q := asked[rand.IntN(len(asked))]
				if found, err := d.ByNode(t.Context(), q.service, q.node); err != nil || !sameDevices(found, want[q]) {
					t.Errorf("%v: %v %+v, want %+v", q, err, found, want[q])
				}
			})
		}
		all.Wait()
		if shared := len(d.gather.queries) > 0; shared != server {
			t.Errorf("queries are shared: %v", shared)
		}
		if g := d.gather; g.running != 0 || len(g.waiting) != 0 || !g.off.IsZero() {
			t.Errorf("left: %d queries, %d look-ups, off until %v", g.running, len(g.waiting), g.off)
		}
	})
}

// sameDevices compares without regard to the order.
func sameDevices(a, b []Device) bool {
	if len(a) != len(b) {
		return false
	}
	byAccount := map[string]Device{}
	for _, d := range b {
		byAccount[d.Account] = d
	}
	for _, d := range a {
		if !reflect.DeepEqual(d, byAccount[d.Account]) {
			return false
		}
	}
	return true
}

// TestGatherer: who waits for a query that hangs goes on alone, or is told that
// its time is over; the turn is lost by nobody.
func TestGatherer(t *testing.T) {
	g := newGatherer(&Devices{})
	for range apart {
		if _, turn := g.ask(t.Context(), "s", "n"); !turn {
			t.Fatal("a look-up waits for nothing")
		}
	}
	ended, end := context.WithCancelCause(t.Context())
	end(errors.New("over"))
	began := time.Now()
	if q, turn := g.ask(ended, "s", "n"); turn || q != nil || time.Since(began) > patience/2 {
		t.Errorf("a look-up whose time is over: %v %v", q, turn)
	}
	if q, turn := g.ask(t.Context(), "s", "n"); turn || q != nil || time.Since(began) < patience {
		t.Errorf("a look-up that waits in vain: %v %v", q, turn)
	}
	turns := make(chan bool)
	go func() {
		_, turn := g.ask(t.Context(), "s", "n")
		turns <- turn
	}()
	for waiting := 0; waiting == 0; {
		g.mu.Lock()
		waiting = len(g.waiting)
		g.mu.Unlock()
	}
	g.pass()
	if !<-turns {
		t.Error("the turn is lost")
	}
	for range apart {
		g.pass()
	}
	if g.running != 0 || len(g.waiting) != 0 {
		t.Errorf("left: %d queries, %d look-ups", g.running, len(g.waiting))
	}
}
