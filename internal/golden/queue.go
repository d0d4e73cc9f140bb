// SPDX-License-Identifier: Apache-2.0

package golden

import (
	"strings"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// queue returns the content of the method's queue. If the case gives the nearest neighbours themselves, the queue holds
// these, each of which is then its own nearest one; otherwise it is the case's queue.
func (c *Case) queue() (rows torch.Tensor, ok bool) {
	for _, name := range []string{"nn", "queue"} {
		if c.Has("in." + name) {
			return c.In(name), true
		}
	}
	return rows, false
}

// withQueue builds the method for batches of n images, so that it has a queue, and fills the queue with rows. Free the
// result.
func withQueue(m parallax.Method, n int, rows torch.Tensor) *nn.Params {
	params := nn.NewParams(0, torch.F64)
	m.Build(&parallax.Build{Params: params, Backbone: tiny{}, Size: 16, Batch: n, Images: n, Steps: 1})
	fillQueues(params, rows)
	return params
}

// fillQueues overwrites the rows of every queue.
func fillQueues(params *nn.Params, rows torch.Tensor) {
	for _, n := range params.All() {
		if strings.HasPrefix(n.Name, "queue.") && strings.HasSuffix(n.Name, ".rows") {
			rows.Normalize(1).CopyInto(n.Tensor)
		}
	}
}

// ripple is n rows of width d of sin(0.9 i), i counting all elements, the last row first: a queue drops its first rows
// first, the trajectories' drops its last ones.
func ripple(n, d int) torch.Tensor {
	rows := torch.Arange(n*d).To(torch.F64).Scale(0.9).Sin().Reshape(n, d)
	order := make([]int, n)
	for i := range order {
		order[i] = n - 1 - i
	}
	return rows.IndexSelect(0, torch.FromInts(order, n))
}
