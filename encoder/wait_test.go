// SPDX-License-Identifier: Apache-2.0

package encoder

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/torch"
)

func TestEmbedFirst(t *testing.T) {
	e := open(t, BatchSize(1))
	all := images(3)
	want, err := e.Embed(context.Background(), all)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range all {
		p, err := e.Prepare(m)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.EmbedFirst(context.Background(), p); err != nil || !slices.Equal(got, want[i]) {
			t.Errorf("image %d: EmbedFirst gives other features than Embed (%v)", i, err)
		}
	}
	_, err = e.Prepare(&augment.Image{W: 2, H: 1})
	if err == nil || !strings.Contains(err.Error(), "0 bytes for 2 x 1") {
		t.Errorf("an image without pixels: %v", err)
	}
	if _, err := e.EmbedFirst(context.Background(), &Input{}); err == nil {
		t.Error("an image that another encoder prepared was embedded")
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	p, _ := e.Prepare(all[0])
	if _, err := e.EmbedInputs(ended, []*Input{p}); !errors.Is(err, context.Canceled) {
		t.Errorf("after the context ended: %v", err)
	}
}

// batches are the sizes of forward passes, in their order.
type batches struct {
	mu    sync.Mutex
	sizes []int
}

func (b *batches) watch(images int, _ time.Duration, _ error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sizes = append(b.sizes, images)
}

// An idle encoder waits for more images until they fill a batch, and no longer than it was told to.
func TestWait(t *testing.T) {
	const images, patience = 4, time.Minute
	var seen batches
	e := open(t, BatchSize(images), Wait(patience), Watch(seen.watch))
	p, err := e.Prepare(augment.NewImage(20, 20))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	var callers sync.WaitGroup
	for range 2 * images {
		callers.Go(func() {
			if _, err := e.EmbedInputs(context.Background(), []*Input{p}); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	if took := time.Since(began); took > patience/2 {
		t.Errorf("full batches took %v", took)
	}
	if !slices.Equal(seen.sizes, []int{images, images}) {
		t.Errorf("batches of %v images, want two of %d", seen.sizes, images)
	}

	var alone batches
	short := open(t, BatchSize(images), Wait(30*time.Millisecond), Watch(alone.watch))
	began = time.Now()
	if _, err := short.EmbedInputs(context.Background(), []*Input{p}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 30*time.Millisecond || took > patience/2 {
		t.Errorf("one image alone took %v, want 30ms and the forward pass", took)
	}
	if !slices.Equal(alone.sizes, []int{1}) {
		t.Errorf("batches of %v images, want one of 1", alone.sizes)
	}
}

// While libtorch is busy, the images of EmbedFirst go before those that wait.
func TestFirst(t *testing.T) {
	e := open(t, BatchSize(2), Wait(time.Hour))
	p, err := e.Prepare(augment.NewImage(20, 20))
	if err != nil {
		t.Fatal(err)
	}
	held, release := make(chan struct{}), make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() {
		if err := torch.Scope(func() error { close(held); <-release; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-held
	ctx, cancel := context.WithCancel(context.Background())
	for range 7 { // the last one would wait for an hour
		others.Go(func() {
			if _, err := e.EmbedInputs(ctx, []*Input{p}); err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	for n := 0; n < 5; time.Sleep(time.Millisecond) { // a batch of two may have been taken already
		e.mu.Lock()
		n = len(e.waiting)
		e.mu.Unlock()
	}
	others.Go(func() {
		if _, err := e.EmbedFirst(context.Background(), p); err != nil {
			t.Error(err)
		}
		cancel()
	})
	for due := false; !due; time.Sleep(time.Millisecond) {
		e.mu.Lock()
		due = e.waiting[0].due.IsZero()
		e.mu.Unlock()
	}
	close(release)
	others.Wait()
	cancel()
}
