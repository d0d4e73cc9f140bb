// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"errors"
	"testing"
)

func TestRecent(t *testing.T) {
	r, made := newRecent[int](2), 0
	of := func(key string) int {
		v, err := r.of(key, func() (int, error) { made++; return made, nil })
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if of("a") != 1 || of("b") != 2 || of("a") != 1 {
		t.Error("a value was made twice")
	}
	of("c") // b was used longest ago
	if _, ok := r.get("b"); ok {
		t.Error("three values are kept")
	}
	if v, ok := r.get("a"); !ok || v != 1 {
		t.Errorf("%d, %v", v, ok)
	}
	r.put("c", 7)
	if v := of("c"); v != 7 {
		t.Errorf("%d instead of what was put", v)
	}
	failing := errors.New("no")
	if _, err := r.of("d", func() (int, error) { return 0, failing }); !errors.Is(err, failing) {
		t.Error(err)
	}
	if _, ok := r.get("d"); ok || len(r.all) != 2 || len(r.used) != 2 {
		t.Errorf("what failed is kept: %v", r.all)
	}
}
