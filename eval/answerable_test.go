// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"reflect"
	"slices"
	"testing"
)

func TestAnswerable(t *testing.T) {
	for name, c := range map[string]struct {
		bank, queries, want []int
		protocol            Protocol
	}{
		"all": {[]int{0, 1, 1, 2}, []int{1, 0, 1, -1}, []int{1, 0, 1, -1},
			Protocol{Bank: 4, Queries: 3, Classes: 3, Majority: 2. / 3, Uniform: 1. / 3}},
		"a class that the bank lacks": {[]int{0, 1, -1}, []int{2, 1, 2, 0}, []int{-1, 1, -1, 0},
			Protocol{Bank: 2, Queries: 2, Classes: 2, LeftOut: 2, Lacking: []int{2}, Majority: 0.5, Uniform: 0.5}},
		"none": {[]int{0, 1}, []int{4, 2}, []int{-1, -1},
			Protocol{Bank: 2, Classes: 2, LeftOut: 2, Lacking: []int{2, 4}}},
		"one class":    {[]int{3, 3}, []int{3}, []int{-1}, Protocol{Bank: 2, Classes: 1}},
		"no labels":    {[]int{-1}, []int{-1}, []int{-1}, Protocol{}},
		"an empty one": {nil, nil, []int{}, Protocol{}},
		// The bank's largest class is rare among the queries: always answering with it is worse than guessing.
		"other shares": {[]int{0, 0, 0, 1}, []int{1, 1, 1, 0}, []int{1, 1, 1, 0},
			Protocol{Bank: 4, Queries: 4, Classes: 2, Majority: 0.25, Uniform: 0.5}},
	} {
		if got := Answerable(c.bank, c.queries); !slices.Equal(got, c.want) {
			t.Errorf("%s: answerable are %v, want %v", name, got, c.want)
		}
		if got := NewProtocol(c.bank, c.queries); !reflect.DeepEqual(got, c.protocol) {
			t.Errorf("%s: %+v, want %+v", name, got, c.protocol)
		}
	}
}
