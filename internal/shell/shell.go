// SPDX-License-Identifier: Apache-2.0

// Package shell writes command lines that a reader can copy.
package shell

import (
	"regexp"
	"strings"
)

var plain = regexp.MustCompile(`^[A-Za-z0-9_./:=,@%+-]+$`)

// Command returns the parallax command with the arguments, quoted for a shell.
func Command(args []string) string {
	words := []string{"parallax"}
	for _, a := range args {
		if !plain.MatchString(a) {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}
