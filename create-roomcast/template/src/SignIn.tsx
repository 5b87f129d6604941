export function SignIn({ signIn }: { signIn(name: string): void }) {
  return (
    <form className="sign-in" action={(form) => signIn(String(form.get("name")).trim())}>
      <h1>Welcome</h1>
      <label htmlFor="name">Your name in the chat</label>
      <input id="name" name="name" maxLength={40} pattern=".*\S.*" required autoFocus />
      <button>Join</button>
    </form>
  );
}
