// SPDX-License-Identifier: Apache-2.0

// Package variant changes methods for experiments, so that the file of a method stays as in its paper. Each change is a
// wrapper around the method, and [Wrap] adds the wrappers that a config asks for. A wrapper implements only the
// abilities that it changes. parallax.As finds the others in the method inside.
package variant
