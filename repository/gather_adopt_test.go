package repository

import (
	"fmt"
	"strings"
	"testing"
)

// TestGatheredAdopted: tables of others whose keys can be compared with ours are
// asked for several nodes at once, too, whatever their column of nodes is.
func TestGatheredAdopted(t *testing.T) {
	own := map[engine][2]string{
		mysqlEngine:    {"char(40) CHARACTER SET ascii NOT NULL", "varchar(190) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL"},
		postgresEngine: {"char(40) NOT NULL", "varchar(190) NOT NULL"},
	}
	binary := map[engine]string{mysqlEngine: "binary(20)", postgresEngine: "bytea"}
	for _, v := range []struct {
		name, node, hash string // the column of nodes; that of its hash
		of               hashKind
		second           bool
	}{
		{name: "no hash", node: "varchar(200)"},
		{name: "binary", node: "varchar(200)", hash: "binary", of: hashKind{raw: true}},
		{name: "upper case", node: "varchar(200)", hash: "char(40)", of: hashKind{upper: true}, second: true},
		{name: "SHA-256", node: "text", hash: "char(80)", of: hashKind{sha256: true}, second: true},
	} {
		for _, name := range []string{"mysql", "postgresql", "postgresql&prepareThreshold=0"} {
			t.Run(v.name+"/"+name, func(t *testing.T) {
				name, parameter, _ := strings.Cut(name, "&")
				uri := emptyDatabase(t, name) + "&" + parameter
				ds := openSource(t, uri)
				types, s := own[ds.engine], ds.writing()
				columns := []string{"service_jid text NOT NULL", "service_jid_sha1 " + types[0], "user_jid text NOT NULL", "user_jid_sha1 " + types[0],
					"provider " + types[1], "device_id text NOT NULL", "device_id_sha1 " + types[0], "node " + v.node}
				if v.hash == "binary" {
					columns = append(columns, "node_hash "+binary[ds.engine])
				} else if v.hash != "" {
					columns = append(columns, "node_hash "+v.hash)
				}
				if v.second {
					columns = append(columns, "device_second_id varchar(300)")
				}
				charset := map[engine]string{mysqlEngine: " DEFAULT CHARACTER SET latin1"}[ds.engine]
				ok(t, s.exec(t.Context(), "CREATE TABLE tig_push_devices ("+strings.Join(columns, ", ")+")"+charset))
				for i := range 6 {
					dev := benchDevice(i)
					values := []any{dev.Service, jidHash(dev.Service), dev.Account, jidHash(dev.Account), dev.Provider, dev.Token, hash(dev.Token), nodeOf(i)}
					if v.hash != "" {
						values = append(values, v.of.of(nodeOf(i)))
					}
					if v.second {
						values = append(values, map[bool]any{true: nil, false: "voip"}[i == 0])
					}
					ok(t, s.exec(t.Context(), "INSERT INTO tig_push_devices VALUES ("+marks(len(values))+")", values...))
				}
				compareGathered(t, openDevices(t, uri))
			})
		}
	}
}

// nodeOf gives two devices each the same node; two nodes differ in case.
func nodeOf(i int) string { return []string{"Node", "node", "x'ó"}[i/2] }

// compareGathered compares what one query for all nodes finds with what one for
// each does.
func compareGathered(t *testing.T, d *Devices) {
	t.Helper()
	if !d.ds.layout.joined {
		t.Fatalf("the table's keys are not compared in SQL: %+v", d.ds.layout)
	}
	var all []*gathered
	for _, node := range []string{"Node", "NODE", "node", "x'ó", "y"} {
		all = append(all, &gathered{service: "push.example.com", node: node})
	}
	ok(t, d.gather.query(t.Context(), all))
	found := 0
	for _, q := range all {
		want, err := d.byNodeOnce(t.Context(), q.service, q.node)
		if err != nil || !sameDevices(q.found, want) {
			t.Errorf("%s: %+v, want %+v, %v", q.node, q.found, want, err)
		}
		found += len(q.found)
	}
	if found != 6 {
		t.Errorf("%d devices found in the table, want 6: %v", found, fmt.Sprint(all))
	}
}
