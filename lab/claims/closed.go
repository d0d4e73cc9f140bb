// SPDX-License-Identifier: Apache-2.0

package claims

import (
	"sync"

	"github.com/parallax-ssl/parallax/lab"
)

// remembered calls compute once for every seed and keeps the result, because findings are made anew when a run ends.
func remembered(compute func(seed uint64) (lab.Sample, error)) func(seed uint64) (lab.Sample, error) {
	type result struct {
		lab.Sample
		err error
	}
	var lock sync.Mutex
	known := map[uint64]result{}
	return func(seed uint64) (lab.Sample, error) {
		lock.Lock()
		defer lock.Unlock()
		r, done := known[seed]
		if !done {
			r.Sample, r.err = compute(seed)
			known[seed] = r
		}
		return r.Sample, r.err
	}
}
