//go:build race

package push

// raceAllocations is what the race detector adds to a publish.
const raceAllocations = 1
