// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"slices"
	"sync"
)

// recent keeps the values that were asked for last.
type recent[V any] struct {
	most int // values

	mu   sync.Mutex
	all  map[string]V
	used []string // keys, the one used last at the end
}

func newRecent[V any](most int) *recent[V] { return &recent[V]{most: most, all: map[string]V{}} }

// of returns the value of a key. If there is none, fill makes it, while other keys wait.
func (r *recent[V]) of(key string, fill func() (V, error)) (V, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if v, ok := r.all[key]; ok {
		r.use(key)
		return v, nil
	}
	v, err := fill()
	if err == nil {
		r.all[key] = v
		r.use(key)
	}
	return v, err
}

// get returns the value of a key, if there is one.
func (r *recent[V]) get(key string) (v V, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if v, ok = r.all[key]; ok {
		r.use(key)
	}
	return v, ok
}

// put gives a key a value.
func (r *recent[V]) put(key string, v V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[key] = v
	r.use(key)
}

// use puts a key at the end, and forgets the one that was used longest ago if there are too many.
func (r *recent[V]) use(key string) {
	if i := slices.Index(r.used, key); i >= 0 {
		r.used = slices.Delete(r.used, i, i+1)
	}
	if r.used = append(r.used, key); len(r.used) > r.most {
		delete(r.all, r.used[0])
		r.used = slices.Delete(r.used, 0, 1)
	}
}
