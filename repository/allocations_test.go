//go:build !race

// Under the race detector, pools forget some of what they hold, on purpose: what
// is allocated is exact without it only.

package repository

import "testing"

// TestByNodeAllocations holds what the look-up of a push may allocate in an
// embedded database.
func TestByNodeAllocations(t *testing.T) {
	d := openDevices(t, "jdbc:sqlite:"+t.TempDir()+"/tpush.db")
	register(t, d, key("AB"), "voip1", "n1")
	got := testing.AllocsPerRun(200, func() {
		if found := byNode(t, d, "n1"); len(found) != 1 {
			t.Fatal(found)
		}
	})
	if got > maxByNode {
		t.Errorf("it allocates %.0f times, at most %d", got, maxByNode)
	}
}

// What it was when the limit was set; less is better.
const maxByNode = 4
