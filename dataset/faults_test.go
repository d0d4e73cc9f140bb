// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/crash"
)

// failing is a data set of which an image fails by itself.
type failing struct {
	marked
	fail func() error
}

func (d failing) Image(i int) (*augment.Image, error) {
	if i == 17 {
		if err := d.fail(); err != nil {
			return nil, err
		}
	}
	return d.marked.Image(i)
}

// An image that cannot be read because files or memory have run out is a good image: the run ends, and the image is not
// put into quarantine.
func TestExhaustedIsNoFaultOfTheImage(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM} {
		l := loaderOf(failing{marked{n: 64}, func() error {
			return &ImageError{"img17", &fs.PathError{Op: "open", Path: "img17", Err: errno}}
		}}, 8, 3)
		q, err := NewQuarantine(64, "")
		if err != nil {
			t.Fatal(err)
		}
		l.Quarantine = q
		_, err = batches(t, l.Epoch(context.Background(), 0, 0), true)
		if !errors.Is(err, errno) || !strings.Contains(err.Error(), "ulimit -n") || q.Len() > 0 {
			t.Errorf("%v: error %v, %d images in quarantine", errno, err, q.Len())
		}
	}
}

// A panic in a worker is an error of the pass, with the worker's stack.
func TestPanicInAWorker(t *testing.T) {
	l := loaderOf(failing{marked{n: 64}, func() error { panic("mine") }}, 8, 3)
	_, err := batches(t, l.Epoch(context.Background(), 0, 0), true)
	var panicked *crash.Error
	if !errors.As(err, &panicked) || panicked.Value != "mine" ||
		!strings.Contains(string(panicked.Stack), "faults_test") {
		t.Errorf("%v", err)
	}
}
