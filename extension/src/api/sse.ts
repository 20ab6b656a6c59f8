/** The text format of server-sent events (HTML standard, 9.2.6), as far as the service uses it. */

export interface IMessage {
  id: string;
  event: string;
  data: string;
}

export class SseParser {
  private rest = '';
  private id = '';

  /** The messages that `text` completes. */
  push(text: string): IMessage[] {
    // A carriage return at the end may be half of a line's end.
    this.rest = (this.rest + text).replace(/\r\n|\r(?!$)/g, '\n');
    const blocks = this.rest.split('\n\n');
    this.rest = blocks.pop() ?? '';
    return blocks.map(block => this.message(block)).filter(message => message.data !== '');
  }

  private message(block: string): IMessage {
    const message: IMessage = { id: this.id, event: 'message', data: '' };
    const data: string[] = [];
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':');
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (field === 'data') {
        data.push(value);
      } else if (field === 'event') {
        message.event = value;
      } else if (field === 'id') {
        message.id = this.id = value;
      }
    }
    message.data = data.join('\n');
    return message;
  }
}
