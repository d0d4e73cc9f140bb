// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"context"
	"errors"
	"os/exec"
	"sync/atomic"
	"testing"

	"github.com/parallax-ssl/parallax/lab"
	"github.com/parallax-ssl/parallax/lab/claims"
)

// A stopped laboratory begins no further run.
func TestStoppedLaboratory(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var begun atomic.Int32
	r := &lab.Runner{
		Plan: lab.Plan{Experiments: []string{"SIM-15", "VIC-05", "STB-01"}, Data: "synthetic", Seeds: 5, Steps: 20,
			Classes: 2},
		Known: claims.All, Out: t.TempDir(), Parallel: 2, Watch: func(lab.Status) {},
		Command: func(ctx context.Context, _ ...string) *exec.Cmd {
			if begun.Add(1) == 4 {
				cancel()
			}
			return exec.CommandContext(ctx, "true")
		},
	}
	if _, err := r.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Run returned %v", err)
	}
	// Each of the two workers may already have one more.
	if n := begun.Load(); n < 4 || n > 6 {
		t.Errorf("%d runs were begun, want 4 and at most two more", n)
	}
}
