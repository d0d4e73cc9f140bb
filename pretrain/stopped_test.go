// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/parallax-ssl/parallax/internal/failpoint"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// A run that a signal ends at any of its events, also between the lines of one evaluation, ends after a resume like a
// run in one piece: weights, evaluations, the guard's verdict, best checkpoint, encoder.
func TestStoppedAtEveryEvent(t *testing.T) {
	dir, stop := t.TempDir(), errors.New("stopped by the test")
	request := func() *Request {
		return of("simclr", Set("train.eval_every", 2), Set("train.save_every", 2), Set("train.log_every", 1),
			Set("train.keep", 1), Set("train.eval_early", true))
	}
	events := 0
	want := filepath.Join(dir, "whole")
	if _, err := Run(t.Context(), request(), Options{Out: want, Watch: []func(run.Event){func(run.Event) {
		events++
	}}}); err != nil {
		if errors.Is(err, torch.ErrNoEngine) {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	for last := range events - 2 { // the last two are the checkpoint and the end
		t.Run(fmt.Sprint("event ", last), func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			n := 0
			got := filepath.Join(dir, fmt.Sprint("stopped-", last))
			_, err := Run(ctx, request(), Options{Out: got, Watch: []func(run.Event){func(run.Event) {
				if n == last {
					cancel(stop)
				}
				n++
			}}})
			if err != nil && !errors.Is(err, stop) {
				t.Fatal(err)
			}
			if _, err := Resume(t.Context(), got, nil, Options{Note: func(text string) { t.Log(text) }}); err != nil {
				t.Fatal(err)
			}
			if err := failpoint.Same(want, got); err != nil {
				t.Error(err)
			}
		})
	}
}
