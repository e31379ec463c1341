package repository

import (
	"fmt"
	"testing"
)

// TestRowsOfOthers: rows that another program puts into an embedded database
// without a place are found, several of one node too.
func TestRowsOfOthers(t *testing.T) {
	d := openDevices(t, "jdbc:sqlite:"+t.TempDir()+"/tpush.db")
	first := register(t, d, key("AB"), "", "own")
	for i := range 20 {
		node := "shared"
		if i > 3 {
			node = fmt.Sprint("node", i)
		}
		account, token := fmt.Sprintf("u%d@example.com", i), fmt.Sprint("token", i)
		ok(t, d.ds.writing().exec(t.Context(), `INSERT INTO tig_push_devices (service_jid, service_jid_sha1, user_jid, user_jid_sha1, node, node_sha1, provider, device_id, device_id_sha1)
			VALUES (?,?,?,?,?,?,?,?,?)`, first.Service, jidHash(first.Service), account, jidHash(account), node, hash(node), "apns", token, hash(token)))
		d.ds.changes.Add(1) // what others write is seen 2 ms later
		if got := byNode(t, d, node); len(got) != min(i+1, 4) && node == "shared" || node != "shared" && (len(got) != 1 || got[0].Account != account) {
			t.Errorf("devices of %s: %+v", node, got)
		}
	}
	// One of a node registers again: it and the others are found in their place.
	for i := range 2 {
		again := key(fmt.Sprint("token", i))
		again.Account = fmt.Sprintf("u%d@example.com", i)
		if dev := register(t, d, again, "", "new"); dev.Node != "shared" {
			t.Errorf("registered again: %+v", dev)
		}
		if got := byNode(t, d, "shared"); len(got) != 4 {
			t.Errorf("after it registered again: %+v", got)
		}
	}
}

// TestAsksFor: a row is a question's when its hashes are, also where upper and
// lower case are no pairs.
func TestAsksFor(t *testing.T) {
	for _, c := range [][2]string{
		{"push.example.com", "push.example.com"}, {"push.example.com", "PUSH.Example.com"}, {"żółw.example", "ŻÓŁW.example"},
		{"push.example.com", "push.example.org"}, {"push", "pu\u017fh"}, {"\u0130.example", "i.example"}, {"\u212a", "k"}, {"\u03c2", "\u03c3"},
	} {
		q := nodeQuestion{node: "n", service: c[0]}
		if got, want := q.asksFor(&Device{Node: "n", Service: c[1]}), jidHash(c[0]) == jidHash(c[1]); got != want {
			t.Errorf("%q and %q: %v", c[0], c[1], got)
		}
		if q.asksFor(&Device{Node: "N", Service: c[0]}) {
			t.Errorf("%q: another node", c[0])
		}
	}
}
