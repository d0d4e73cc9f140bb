// SPDX-License-Identifier: Apache-2.0

package part

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/collapse"
)

// Minimum is a loss whose minimum is reached if all embeddings are the same.
func Minimum(loss float64, causes string) parallax.Collapsed {
	c := Chance(loss, causes)
	c.Minimum = true
	return c
}

// Chance is a loss that equal embeddings leave at its chance level, that of a network that learns nothing.
func Chance(loss float64, causes string) parallax.Collapsed {
	return parallax.Collapsed{ConstantLoss: collapse.ConstantLoss{Value: collapse.Num(loss)}, Causes: causes}
}

// LeastAtZero is a loss that is never negative: 0 is its minimum.
func LeastAtZero(loss float64, causes string) parallax.Collapsed {
	c := Chance(loss, causes)
	c.Minimum = loss == 0
	return c
}

// Contrastive is a loss of cosines divided by τ, with negatives or without.
func Contrastive(loss float64, negatives bool, temperature float64) parallax.Collapsed {
	if !negatives {
		return Minimum(-1/temperature, "without negatives nothing pushes embeddings apart")
	}
	return Chance(loss, "a temperature that is far too high, a learning rate that is too high, or views that share no "+
		"content, so that no image can be told from the others")
}
