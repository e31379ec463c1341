package tdsl

import "fmt"

// Suggest returns a hint with the candidate that a word was probably meant to
// be, or nothing when none is close.
func Suggest(word string, candidates []string) string {
	best, least := "", max(2, len(word)/4)+1
	for _, c := range candidates {
		if d := distance(word, c); c != "" && d < least {
			best, least = c, d
		}
	}
	if best == "" || len(word) < 3 {
		return ""
	}
	return fmt.Sprintf("did you mean '%s'?", best)
}

// distance is the number of characters to insert, delete or replace
// (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
