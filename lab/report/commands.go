// SPDX-License-Identifier: Apache-2.0

package report

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/claims"
)

// labCommand returns the command that tests the claims.
func labCommand(p lab.Plan, ids []string) string {
	args := append([]string{"lab", "run"}, ids...)
	if len(ids) == len(claims.All) && len(ids) > 1 {
		args = []string{"lab", "run", "all"}
	}
	args = append(args, "--data", p.Data, "--seeds", strconv.Itoa(p.Seeds), "--steps", strconv.Itoa(p.Steps))
	for _, s := range p.Set {
		args = append(args, "--set", s)
	}
	return shell(args)
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_./:=,@%+-]+$`)

// shell returns the parallax command with the arguments, quoted for a shell.
func shell(args []string) string {
	words := []string{"parallax"}
	for _, a := range args {
		if !plain.MatchString(a) {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}
