// SPDX-License-Identifier: Apache-2.0

package parts

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/internal/torture/campaign"
	"github.com/parallax-ssl/parallax/internal/torture/mutate"
)

// mutated are the files whose tests are tried, and the tests.
var mutated = []struct {
	files string // a pattern
	only  func(function string) bool
	tests []string // packages, the quick ones first
}{
	{"checkpoint/*.go", nil, []string{"./checkpoint"}},
	{"method/simclr.go", isLoss, []string{"./internal/golden", "./method"}},
	{"method/vicreg.go", isLoss, []string{"./internal/golden", "./method"}},
	{"method/barlowtwins.go", isLoss, []string{"./internal/golden", "./method"}},
}

// isLoss leaves out what is no loss: defaults and networks.
func isLoss(function string) bool {
	return !slices.Contains([]string{"Validate", "Build", "Collapsed", "Forward", "Groups", "Views", "validate"},
		function) &&
		!strings.HasPrefix(strings.ToLower(function), "new") && !strings.Contains(strings.ToLower(function), "default")
}

// least is the share of mutants, in percent, that the tests must notice.
const least = 80

var mutation = campaign.Part{
	Name: "mutation",
	About: "operators, constants, conditions and statements of the checkpoints' and the losses' code are " +
		"changed, one at a time; the tests of the packages notice",
	Sum: func(r *campaign.Result) {
		killed, survived := 0, 0
		for name, n := range r.Count {
			if strings.HasPrefix(name, mutate.Killed) {
				killed += n
			}
			if strings.HasPrefix(name, mutate.Survived) {
				survived += n
			}
		}
		score := 100 * float64(killed) / float64(max(1, killed+survived))
		if r.Max("percent noticed", score); score < least {
			r.Fault("the tests notice %.0f %% of the mutants, want %d %%", score, least)
		}
	},
	Plan: func(b *campaign.Bench) (cases []campaign.Case, err error) {
		if b.Short {
			return nil, campaign.Skipped("it runs the tests of a package some hundred times")
		}
		const most = 150 // of a pattern
		for _, m := range mutated {
			files, err := filepath.Glob(filepath.Join(b.Root, filepath.FromSlash(m.files)))
			if err != nil {
				return nil, err
			}
			var all []mutate.Mutant
			for _, f := range files {
				if strings.HasSuffix(f, "_test.go") {
					continue
				}
				file, err := filepath.Rel(b.Root, f)
				if err != nil {
					return nil, err
				}
				some, err := mutate.Of(b.Root, filepath.ToSlash(file), m.only)
				if err != nil {
					return nil, err
				}
				all = append(all, some...)
			}
			for i, one := range sample(b, all, most) {
				add(&cases, fmt.Sprintf("%v #%d", one, i), func(ctx context.Context, dir string) (o campaign.Outcome) {
					what := mutate.Survived
					for _, tests := range m.tests {
						if what == mutate.Survived {
							var err error
							if what, err = one.Try(ctx, b.Root, dir, "-short", "-timeout=120s", tests); o.Failed(err) {
								return o
							}
						}
					}
					if o.Add(what+" in "+filepath.Dir(one.File), 1); what == mutate.Survived {
						fmt.Fprintf(b.Say, "mutation: %v: no test notices\n", one)
					}
					return o
				})
			}
		}
		return cases, nil
	},
}
