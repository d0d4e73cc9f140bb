// SPDX-License-Identifier: Apache-2.0

// Package parts has the parts of the campaign, one file for each: what is done to the program, and what must hold
// afterwards.
package parts

import (
	"context"

	"github.com/parallax-ssl/parallax/internal/torture/campaign"
)

// All lists the parts in the order in which they run.
var All = []campaign.Part{kill, atCalls, failure, powerLoss, damages, signalled, disk, locks, environment,
	images, archives, memory, clock, data, mutants, soak, mutation}

// add adds a case to a plan.
func add(cases *[]campaign.Case, name string, run func(ctx context.Context, dir string) campaign.Outcome) {
	*cases = append(*cases, campaign.Case{Name: name, Run: run})
}
