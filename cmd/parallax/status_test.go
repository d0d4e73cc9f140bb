// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/internal/exit"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
	"github.com/parallax-ssl/parallax/train"
)

func TestExitStatus(t *testing.T) {
	interrupted, terminated := interruption{syscall.SIGINT}, interruption{syscall.SIGTERM}
	for _, c := range []struct {
		err  error
		want int
	}{
		{errors.New("anything"), 1},
		{usage(errors.New("a mistake")), exit.Usage},
		{fmt.Errorf("opening: %w", usage(errors.New("a mistake"))), exit.Usage},
		{fmt.Errorf("%w: it is NaN", train.ErrNonFinite), exit.Data},
		{fmt.Errorf("%w: none of them", torch.ErrNoEngine), exit.Engine},
		{fmt.Errorf("writing: %w", syscall.ENOSPC), exit.Output},
		{fmt.Errorf("writing: %w", run.ErrUncertain), exit.Output},
		{interrupted, 130},
		{errors.Join(fmt.Errorf("evaluating: %w", interrupted)), 130},
		{errors.Join(errors.Join(terminated), nil), 143},
		// A signal stopped the run, but its last checkpoint could not be written.
		{errors.Join(terminated, fmt.Errorf("saving: %w", syscall.ENOSPC)), exit.Output},
		{errors.Join(interrupted, errors.New("saving: something else")), 1},
	} {
		if got := exitStatus(c.err); got != c.want {
			t.Errorf("%q ends with status %d, want %d", c.err, got, c.want)
		}
	}
}

func TestFold(t *testing.T) {
	for _, c := range []struct {
		line  string
		width int
		want  string
	}{
		{"short", 80, "short"},
		{"", 80, ""},
		{"go on with  parallax pretrain", 29, "go on with  parallax pretrain"},
		{"go on with  parallax pretrain", 28, "go on with\n    parallax pretrain"},
		{"one word after another", 10, "one word\n    after\n    another"},
		{"  indented  part", 12, "  indented\n    part"},
		{"größer  größer", 14, "größer  größer"},
	} {
		if got := fold(c.line, c.width); got != c.want {
			t.Errorf("fold(%q, %d) = %q, want %q", c.line, c.width, got, c.want)
		}
	}
}

func TestRounded(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 1499 * time.Millisecond: "1s", 61 * time.Second: "1m1s", time.Hour: "1h0m",
		90*time.Minute + 29*time.Second: "1h30m",
	} {
		if got := rounded(d); got != want {
			t.Errorf("rounded(%d) = %s, want %s", d, got, want)
		}
	}
}
