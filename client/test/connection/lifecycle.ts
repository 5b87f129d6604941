/** Runs a lifecycle, which is a pure function, in virtual time. */
export abstract class LifecycleScenario<Input extends { readonly type: string }> {
  now = 1_000_000;

  protected abstract apply(input: Input): void;
  protected abstract wakeAt(): number;

  dispatch(...inputs: (Input | Input["type"])[]): this {
    for (const input of inputs) {
      this.apply(typeof input === "string" ? ({ type: input } as Input) : input);
    }
    return this;
  }

  /** Lets time pass, and sends a tick at each deadline. */
  wait(ms: number): this {
    const end = this.now + ms;
    for (let at = this.wakeAt(); at <= end; at = this.wakeAt()) {
      this.now = Math.max(this.now, at);
      this.dispatch("tick");
    }
    this.now = end;
    return this;
  }
}
