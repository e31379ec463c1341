package repository

import (
	"encoding/csv"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// tigaseData puts the user repository of a Tigase 8.5 into the tables.
func tigaseData(t *testing.T, u *Users) {
	t.Helper()
	dump, err := os.ReadFile("testdata/tigase/tigase-mysql-8x.sql")
	ok(t, err)
	for _, table := range []struct{ name, columns string }{
		{"tig_users", "uid user_id sha1_user_id account_status"}, {"tig_nodes", "nid parent_nid uid node"}, {"tig_pairs", "pid nid uid pkey pval"},
	} {
		for line := range strings.Lines(string(dump)) {
			row := dumpedRow(t, line, table.name)
			var columns []string
			var values []any
			for _, c := range strings.Fields(table.columns) {
				if c == "sha1_user_id" && u.ds.engine == postgresEngine {
					continue // its index does that
				}
				columns, values = append(columns, c), append(values, row[c])
			}
			if row != nil {
				ok(t, u.ds.writing().exec(t.Context(), "INSERT INTO "+table.name+" ("+strings.Join(columns, ", ")+") VALUES ("+marks(len(columns))+")", values...))
			}
		}
	}
}

// dumpedRow reads a row of MySQL's dump by the names of its columns; nil: the
// line is no row of that table.
func dumpedRow(t *testing.T, line, table string) map[string]any {
	t.Helper()
	line, ok := strings.CutPrefix(line, "INSERT INTO `"+table+"` (")
	if !ok {
		return nil
	}
	names, line, _ := strings.Cut(line, ") VALUES (")
	row := map[string]any{}
	for name := range strings.SplitSeq(names, ", ") {
		var value any
		if value, line = dumpedValue(line); value == nil && !strings.HasPrefix(line, ",") && !strings.HasPrefix(line, ")") {
			t.Fatalf("cannot read the dump at %.100s", line)
		}
		row[strings.Trim(name, "`")] = value
		line = strings.TrimPrefix(line, ",")
	}
	return row
}

func dumpedValue(line string) (value any, rest string) {
	if line[0] != '\'' {
		end := strings.IndexAny(line, ",)")
		n, err := strconv.ParseInt(line[:end], 10, 64)
		if err != nil {
			return nil, line[end:] // NULL
		}
		return n, line[end:]
	}
	var b strings.Builder
	for i := 1; ; i++ {
		switch line[i] {
		case '\'':
			return b.String(), line[i+1:]
		case '\\':
			i++
			b.WriteString(strings.NewReplacer("n", "\n", "r", "\r", "0", "\x00").Replace(line[i : i+1]))
		default:
			b.WriteByte(line[i])
		}
	}
}

// TestTigasesRows reads what a Tigase server wrote.
func TestTigasesRows(t *testing.T) {
	databases(t, func(t *testing.T, uri string) {
		u, ctx := openUsers(t, uri), t.Context()
		tigaseData(t, u)
		items, found, err := ConnectionItems(ctx, u, ComponentItems)
		if err != nil || !found || len(items) != 1 {
			t.Fatalf("items %+v, %v, %v", items, found, err)
		}
		if it := items[0]; it.Domain != "push.example.test" || it.Password != "s3cret-component" || !it.Connect || !strings.HasPrefix(it.Remote, "example.test;node1.example.test;") || it.Protocol != "accept" || it.Port == 0 {
			t.Errorf("item for components %+v", it)
		}
		if items, _, err = ConnectionItems(ctx, u, ServerItems); err != nil || len(items) != 1 || items[0].Connect || items[0].Port != 16270 || items[0].Protocol != "" {
			t.Errorf("the server's item %+v, %v", items, err)
		}
		if nodes, err := u.Subnodes(ctx, "Ala@example.test", ""); err != nil || !slices.Equal(nodes, []string{"urn:xmpp:push:0"}) {
			t.Errorf("nodes of ala: %v, %v", nodes, err)
		}
		keys, err := u.Keys(ctx, "ola@example.test", "urn:xmpp:push:0")
		if err != nil || !slices.Equal(keys, []string{"push.example.test/0b9d7a52-6c1e-4f0e-8a44-8f2f3f5b9c77", "push.example.test/9c1f0e64-1a2b-4c3d-9e8f-7a6b5c4d3e2f", "push.tigase.im/some node/with slash"}) {
			t.Errorf("registrations of ola: %q, %v", keys, err)
		}
		tablet, err := u.Data(ctx, "ola@example.test", "urn:xmpp:push:0", keys[1])
		if err != nil || !strings.Contains(tablet, `name="Ola&apos;s tablet &amp; TV"`) {
			t.Errorf("the tablet: %s, %v", tablet, err)
		}
		phone, err := u.DataMap(ctx, "ala@example.test", "urn:xmpp:push:0")
		if err != nil || len(phone) != 1 || !strings.Contains(phone["push.example.test/5f0e3c8a-0a55-4b7d-9b55-1f7a0f1c2d3e"], `nick="ala &lt;3"`) {
			t.Errorf("the phone: %v, %v", phone, err)
		}
		if found, err := u.FindCertificates(ctx); err != nil || len(found) != 0 {
			t.Errorf("found certificates %v, %v", found, err)
		}
	})
}

// TestTablesAreTigases compares our tables and routines with those of a Tigase
// server, as MySQL's catalog shows them.
func TestTablesAreTigases(t *testing.T) {
	u := openUsers(t, emptyDatabase(t, "mysql"))
	for file, query := range map[string]string{
		"columns": `SELECT concat_ws('|', table_name, column_name, replace(column_type, '(20)', ''), is_nullable, column_key, extra, character_set_name, collation_name)
			FROM information_schema.columns WHERE table_schema = database() AND table_name = ?`,
		"indexes": `SELECT concat_ws('|', table_name, index_name, non_unique, seq_in_index, column_name, sub_part)
			FROM information_schema.statistics WHERE table_schema = database() AND table_name = ?`,
		"routines": `SELECT concat_ws('|', specific_name, routine_type, ordinal_position, parameter_name, replace(dtd_identifier, '(20)', ''), character_set_name)
			FROM information_schema.parameters WHERE specific_schema = database() AND specific_name = ?`,
	} {
		want := catalogRows(t, file)
		for _, name := range []string{"tig_users", "tig_nodes", "tig_pairs", "tig_user_credentials", "TigGetUserDBUid", "TigAddUserPlainPw", "TigAddNode", "TigUpdatePairs", "TigRemoveUser"} {
			got, err := u.ds.reading().names(t.Context(), query, name)
			ok(t, err)
			slices.Sort(got)
			slices.Sort(want[name])
			if !slices.Equal(got, want[name]) {
				t.Errorf("%s of %s:\n%s\nwant\n%s", file, name, strings.Join(got, "\n"), strings.Join(want[name], "\n"))
			}
		}
	}
}

// catalogRows are the rows of a server's catalog by the name of the table or
// routine, in the form of the queries above.
func catalogRows(t *testing.T, file string) map[string][]string {
	t.Helper()
	f, err := os.Open("testdata/tigase/tigase-mysql-8x-" + file + ".tsv")
	ok(t, err)
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes = '\t', true
	rows, err := r.ReadAll()
	ok(t, err)
	left := map[string]int{"columns": 5, "routines": 3}[file] // the default, whose text differs by version; the mode
	out := map[string][]string{}
	for _, row := range rows[1:] {
		var fields []string
		for i, v := range row {
			if v != "NULL" && (left == 0 || i != left) {
				fields = append(fields, strings.ReplaceAll(v, "(20)", ""))
			}
		}
		out[row[0]] = append(out[row[0]], strings.Join(fields, "|"))
	}
	return out
}
