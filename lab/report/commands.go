// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strconv"

	"github.com/parallax-ssl/parallax/internal/shell"
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
	return shell.Command(args)
}
