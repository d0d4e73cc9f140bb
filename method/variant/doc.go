// SPDX-License-Identifier: Apache-2.0

// Package variant wraps methods for what only an experiment changes, so that a method's file stays its paper. [Wrap]
// reads which of them a config asks for. A wrapper has the abilities that it changes; parallax.As finds the others in
// the method inside.
package variant
