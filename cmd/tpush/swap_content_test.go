package main

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// content is every row of every table, as text.
func (s *swap) content() map[string][]string {
	s.t.Helper()
	query := "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
	if !strings.Contains(s.uri, "sqlite") {
		query = "SELECT table_name FROM information_schema.tables WHERE table_schema = database()"
	}
	out := map[string][]string{}
	for _, table := range s.column(query) {
		rows, err := s.db.Query("SELECT * FROM " + table)
		if err != nil {
			s.t.Fatal(err)
		}
		names, err := rows.Columns()
		if err != nil {
			s.t.Fatal(err)
		}
		out[table] = []string{}
		for rows.Next() {
			fields := make([]sql.NullString, len(names))
			into := make([]any, len(names))
			for i := range fields {
				into[i] = &fields[i]
			}
			if err := rows.Scan(into...); err != nil {
				s.t.Fatal(err)
			}
			out[table] = append(out[table], fmt.Sprint(fields))
		}
		if err := rows.Err(); err != nil {
			s.t.Fatal(err)
		}
		slices.Sort(out[table])
	}
	return out
}

func (s *swap) column(query string) (out []string) {
	s.t.Helper()
	rows, err := s.db.Query(query)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			s.t.Fatal(err)
		}
		out = append(out, text)
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	return out
}

// compare looks that nothing differs but the device that is gone and what the
// program keeps in tables of its own.
func (s *swap) compare(before, after map[string][]string, gone string) {
	s.t.Helper()
	for table, rows := range before {
		want := slices.DeleteFunc(slices.Clone(rows), func(r string) bool { return table == "tig_push_devices" && strings.Contains(r, gone) })
		have := slices.DeleteFunc(slices.Clone(after[table]), func(r string) bool { return table == "tig_schema_versions" && strings.Contains(r, "push-go") })
		if !slices.Equal(want, have) {
			s.t.Errorf("%s:\nbefore %s\nafter  %s", table, strings.Join(want, "\n       "), strings.Join(have, "\n       "))
		}
		s.t.Logf("%-24s %d rows before, %d after", table, len(rows), len(after[table]))
	}
	for table := range after {
		if _, ok := before[table]; !ok && table != "tig_push_device_data" && table != "tig_push_tombstones" {
			s.t.Errorf("there is a table %s now", table)
		}
	}
	if n := len(after["tig_push_tombstones"]); n != 1 {
		s.t.Errorf("%d tombstones, want that of the device that is gone", n)
	}
}
