package main

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

// TestServiceRestarts is about what the unit does when a start fails: it tries
// again long enough for a database that is late, and ends all the same.
func TestServiceRestarts(t *testing.T) {
	unit, err := os.ReadFile("../../etc/tpush.service")
	if err != nil {
		t.Fatal(err)
	}
	number := func(key string) int {
		m := regexp.MustCompile(`(?m)^` + key + `=([0-9]+)$`).FindSubmatch(unit)
		if m == nil {
			t.Fatalf("the unit has no %s", key)
		}
		n, err := strconv.Atoi(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if !regexp.MustCompile(`(?m)^Restart=on-failure$`).Match(unit) {
		t.Error("a start that fails is not repeated")
	}
	trying, interval := number("StartLimitBurst")*number("RestartSec"), number("StartLimitIntervalSec")
	if trying < 15*60 {
		t.Errorf("a database that takes longer than %d s to come up is given up", trying)
	}
	if trying >= interval {
		t.Errorf("%d s of failures are never %d starts within %d s: it goes on for ever", trying, number("StartLimitBurst"), interval)
	}
}
