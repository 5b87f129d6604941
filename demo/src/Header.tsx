import type { ReactNode } from "react";

interface HeaderProps {
  readonly title: string;
  readonly text: string;
  readonly children: ReactNode;
}

export const Header = ({ title, text, children }: HeaderProps) => (
  <header>
    <div className="title">
      <h1>
        <span className="brand">Roomcast</span> {title}
      </h1>
      <p>{text}</p>
    </div>
    {children}
  </header>
);
